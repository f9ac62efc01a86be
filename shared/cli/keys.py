"""`keys issue`, `keys list`, `keys revoke`: gateway keys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from shared.adapters.system_clock import SystemClock
from shared.adapters.table_gateway_keys import TABLE, TableGatewayKeys
from shared.adapters.table_service import open_tables
from shared.cli.console import date, minute, print_json, run
from shared.cli.tables import Column, console, table
from shared.cli.text import harmless
from shared.domain.errors import PrincipalNotProved
from shared.domain.gateway_key import GatewayKey
from shared.domain.principal import Principal, PrincipalKind
from shared.ports.clock import Clock
from shared.settings import storage_settings
from shared.usecases.manage_keys import IssuedKey, ManageKeys

app = typer.Typer(help="Gateway keys: for callers that cannot bring an Entra token.", no_args_is_help=True)

_CENTURY_DAYS = 36500
_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@app.command()
def issue(
    name: Annotated[str, typer.Option(help="Whom the key is for, as reports are to show it.")],
    tenant: Annotated[str | None, typer.Option(help="Entra tenant id of the principal to charge.")] = None,
    object_id: Annotated[str | None, typer.Option(help="Entra object id of the principal to charge.")] = None,
    app_id: Annotated[str | None, typer.Option(help="Entra application id, beside the principal.")] = None,
    kind: Annotated[
        PrincipalKind | None,
        typer.Option(metavar="KIND", help="What the object id is: user, application (default) or managed_identity."),
    ] = None,
    role: Annotated[list[str] | None, typer.Option(help="A role of the principal; may be repeated.")] = None,
    expires_in_days: Annotated[int | None, typer.Option(min=1, max=_CENTURY_DAYS, help="(default: never)")] = None,
    as_json: _AsJson = False,
) -> None:
    """
    Issue a key and print it: once, for it is kept nowhere.

    Without an object id the principal is one that exists only here, made of the name.
    """
    principal = _principal(name, tenant, object_id, app_id, kind, frozenset(role or ()))
    issued = run(_issue(principal, expires_in_days))
    if as_json:
        print_json({"key": issued.secret, **_described(issued.key, issued.key.issued_at)})
        return
    typer.echo(issued.secret)
    # Not on stdout, so that a script may take the key as it is.
    typer.echo(_note(issued.key), err=True)


@app.command("list")
def list_keys(as_json: _AsJson = False) -> None:
    """List all keys, oldest first. Times are UTC; the last use may be an hour behind."""
    keys, now = run(_list())
    if as_json:
        print_json([_described(key, now) for key in keys])
        return
    out = console()
    out.print(table(_columns(keys, now), out.width))


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID", help="The id, or a start of it only one has.")]) -> None:
    """Revoke a key. Calls with it are refused within a minute."""
    key = run(_revoke(key_id))
    typer.echo(f"revoked {key.key_id} ({key.principal.name or key.principal.object_id})")


def _principal(
    name: str,
    tenant: str | None,
    object_id: str | None,
    app_id: str | None,
    kind: PrincipalKind | None,
    roles: frozenset[str],
) -> Principal:
    if (tenant is None) is not (object_id is None):
        raise typer.BadParameter("--tenant and --object-id go together")
    if kind is not None and object_id is None:
        raise typer.BadParameter("--kind says what the --object-id is")
    try:
        if tenant is None or object_id is None:
            return Principal.from_name(name, app_id=app_id, roles=roles)
        return Principal(
            tenant_id=tenant.lower(),
            object_id=object_id.lower(),
            kind=kind or PrincipalKind.APPLICATION,
            app_id=app_id,
            name=name,
            roles=roles,
        )
    except PrincipalNotProved as error:
        raise typer.BadParameter(str(error)) from error


async def _issue(principal: Principal, expires_in_days: int | None) -> IssuedKey:
    lifetime = timedelta(days=expires_in_days) if expires_in_days else None
    async with _manage_keys(SystemClock()) as manage:
        return await manage.issue(principal, lifetime=lifetime)


async def _list() -> tuple[Sequence[GatewayKey], datetime]:
    clock = SystemClock()
    async with _manage_keys(clock) as manage:
        return await manage.list_all(), clock.now()


async def _revoke(key_id: str) -> GatewayKey:
    async with _manage_keys(SystemClock()) as manage:
        return await manage.revoke(key_id)


@asynccontextmanager
async def _manage_keys(clock: Clock) -> AsyncIterator[ManageKeys]:
    async with open_tables(storage_settings()) as tables:
        yield ManageKeys(keys=TableGatewayKeys(tables.get_table_client(TABLE)), clock=clock)


def _note(key: GatewayKey) -> str:
    principal = f"{key.principal.tenant_id}/{key.principal.object_id} ({key.principal.kind.value})"
    return f"id {key.key_id}, expires {date(key.expires_at, 'never')}, charged to {principal}; shown only this once"


def _described(key: GatewayKey, now: datetime) -> dict[str, Any]:
    principal = key.principal
    return {
        "id": key.key_id,
        "name": principal.name,
        "tenant_id": principal.tenant_id,
        "object_id": principal.object_id,
        "app_id": principal.app_id,
        "kind": principal.kind.value,
        "roles": sorted(principal.roles),
        "issued_at": key.issued_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
        "state": key.state_at(now).value,
    }


def _columns(keys: Sequence[GatewayKey], now: datetime) -> list[Column]:
    return [
        Column(heading="id", cells=[key.key_id for key in keys]),
        Column(
            heading="name",
            cells=[harmless(key.principal.name or key.principal.object_id) for key in keys],
            may_shrink=True,
        ),
        Column(heading="roles", cells=[harmless(", ".join(sorted(key.principal.roles))) for key in keys], rank=3),
        Column(heading="issued", cells=[date(key.issued_at, "-") for key in keys], rank=2),
        Column(heading="expires", cells=[date(key.expires_at, "never") for key in keys], rank=1),
        Column(heading="last used", cells=[minute(key.last_used_at, "never") for key in keys], rank=1),
        Column(heading="state", cells=[key.state_at(now).value for key in keys]),
    ]
