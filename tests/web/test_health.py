"""`healthz`: well when the ledger's storage answers, and a reason to restart nothing when it does not."""

from __future__ import annotations

import json

from starlette.requests import Request

from shared.domain.errors import StorageUnavailable
from shared.web.health import HealthEndpoint

REQUEST = Request({"type": "http"})


async def test_it_is_well_when_storage_answers() -> None:
    """And says which version is, for whoever has just deployed one."""

    async def answers() -> None: ...

    response = await HealthEndpoint(answers, "1.2.3")(REQUEST)

    assert response.status_code == 200
    assert json.loads(bytes(response.body)) == {"status": "ok", "version": "1.2.3"}
    assert response.headers["cache-control"] == "no-store"


async def test_it_is_not_well_when_storage_does_not() -> None:
    """503: it may be better in a second. The account's name is nobody's business."""

    async def fails() -> None:
        raise StorageUnavailable("account x is down")

    response = await HealthEndpoint(fails, "1.2.3")(REQUEST)

    assert response.status_code == 503
    assert b"account x" not in response.body
