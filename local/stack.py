"""The whole stack on one machine, each part a process: Azurite, the simulated Azure OpenAI, the function app."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from local.azurite import Azurite, running_azurite
from local.child import Child, python_command
from shared.adapters.table_gateway_keys import TABLE, TableGatewayKeys
from shared.adapters.table_service import StorageSettings, open_tables
from shared.domain.gateway_key import KEY_PREFIX, GatewayKey, hash_key
from shared.domain.principal import GATEWAY_TENANT, Principal, PrincipalKind

REPOSITORY = Path(__file__).parent.parent
# What the simulated resource takes for its own key.
SIMULATED_KEY = "simulated"
# Azure takes minutes, and we look each minute; nobody wants to wait for that on a machine of their own.
QUICK_SCHEDULES = dict.fromkeys(("INGEST_SCHEDULE", "RECONCILE_SCHEDULE", "ROLLUP_SCHEDULE"), "*/5 * * * * *")

_READY = r"ready (http://\S+)"
_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """What runs, and where: `url` is the app's, `upstream_url` Azure OpenAI's."""

    url: str
    upstream_url: str
    azurite: Azurite
    host: Child


@contextmanager
def running_stack(
    *,
    simulator_arguments: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
    exports: bool = False,
    host_module: str = "local.function_host",
) -> Iterator[Stack]:
    """
    Run everything on free ports, data in memory, until the context ends.

    `settings` are added to the app's; `host_module` is the host that runs it. With `exports`, Azure's log exports
    are simulated, and some calls that go past the gateway.

    Raises:
        ChildFailed, NotInstalled
    """
    with ExitStack() as stack:
        azurite = stack.enter_context(running_azurite())
        exporting = export_arguments(azurite.connection_string) if exports else []
        upstream_url = stack.enter_context(running_simulator([*exporting, *simulator_arguments]))
        environment = {**app_settings(azurite.connection_string, upstream_url), **(settings or {})}
        host = stack.enter_context(function_host(environment, host_module=host_module))
        yield Stack(url=ready_url(host), upstream_url=upstream_url, azurite=azurite, host=host)


@contextmanager
def running_simulator(arguments: Sequence[str] = ()) -> Iterator[str]:
    """Run the simulated Azure OpenAI and yield its URL."""
    with simulator(arguments) as child:
        yield ready_url(child)


def simulator(arguments: Sequence[str] = ()) -> Child:
    """Start the simulated Azure OpenAI; `ready_url` waits for it."""
    command = python_command("local.simulated_azure_openai", "--port", "0", *arguments)
    return Child("the simulated Azure OpenAI", command, cwd=REPOSITORY)


def export_arguments(connection_string: str) -> list[str]:
    """Return what has the simulated Azure OpenAI export its logs, and called past the gateway now and then."""
    return ["--export-to", connection_string, "--past-the-gate"]


def function_host(
    settings: Mapping[str, str],
    *,
    port: int = 0,
    host_module: str = "local.function_host",
    arguments: Sequence[str] = (),
    on_line: Callable[[str], None] | None = None,
) -> Child:
    """Start the function app with these settings; `ready_url` waits for it. `arguments` are the host's."""
    command = python_command(host_module, "--port", str(port), *arguments)
    environment = {**os.environ, **settings}
    return Child("the function app", command, env=environment, cwd=REPOSITORY, on_line=on_line)


def ready_url(child: Child) -> str:
    """Return the URL of a server once it takes connections. Raises ChildFailed."""
    return child.wait_for_line(_READY, _START_SECONDS)[1]


def app_settings(connection_string: str, upstream_url: str) -> dict[str, str]:
    """Return the app's settings for the emulator and the simulated resource."""
    return {
        "AzureWebJobsStorage": connection_string,
        "AZURE_OPENAI_ENDPOINT": upstream_url,
        "UPSTREAM_AUTH": "key",
        "AZURE_OPENAI_API_KEY": SIMULATED_KEY,
        # Above the app's own limit, so that it is the app that refuses: with a reason and a row.
        "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": str(1024**3),
    }


def keep_key(connection_string: str, name: str, *, roles: frozenset[str] = frozenset(), key: str | None = None) -> str:
    """Make a gateway key valid for a principal that exists only here, and return it."""
    key = key or KEY_PREFIX + secrets.token_urlsafe(32)
    asyncio.run(_put_key(connection_string, name, roles, key))
    return key


async def _put_key(connection_string: str, name: str, roles: frozenset[str], key: str) -> None:
    principal = Principal(tenant_id=GATEWAY_TENANT, object_id=name, kind=PrincipalKind.GATEWAY, name=name, roles=roles)
    async with open_tables(StorageSettings(connection_string=connection_string)) as tables:
        keys = TableGatewayKeys(tables.get_table_client(TABLE))
        await keys.put(GatewayKey(key_hash=hash_key(key), principal=principal, issued_at=datetime.now(UTC)))
