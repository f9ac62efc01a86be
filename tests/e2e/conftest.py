"""The whole stack, once for all tests here: the app on our function host and, where it runs, on Microsoft's worker."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from local.stack import running_stack
from tests.e2e.gateway import Gateway, entra_authority

HOSTS = ["local.function_host", "local.worker_host"]


@pytest.fixture(scope="session", params=HOSTS, ids=["our host", "azure-functions-runtime"])
def gateway(request: pytest.FixtureRequest) -> Iterator[Gateway]:
    """Run the app in front of the simulated Azure OpenAI, with an Entra of its own."""
    if request.param == "local.worker_host" and sys.version_info < (3, 13):
        pytest.skip("azure-functions-runtime needs Python 3.13")
    with entra_authority() as entra:
        settings = {"ENTRA_TENANT_IDS": entra.tenant, "ENTRA_AUTHORITY": entra.url}
        with running_stack(settings=settings, host_module=request.param) as stack:
            yield Gateway(stack, entra)
