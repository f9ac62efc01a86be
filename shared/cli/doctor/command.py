"""`doctor`: looks an installation over."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from textwrap import wrap
from typing import Annotated

import aiohttp
import typer
from azure.identity.aio import DefaultAzureCredential
from rich.text import Text

from shared.adapters.blob_service import blob_service
from shared.adapters.system_clock import SystemClock
from shared.adapters.table_service import table_service
from shared.cli.console import print_json, run
from shared.cli.doctor.entra import check_entra
from shared.cli.doctor.environment import Patient, settings_in
from shared.cli.doctor.ledger import check_findings, check_keys, check_tables_there, check_workers
from shared.cli.doctor.logs import check_dead_letters, check_logs
from shared.cli.doctor.resource import check_resource
from shared.cli.doctor.storage import check_blobs, check_clock, check_tables
from shared.cli.doctor.upstream import check_upstream
from shared.cli.options import AsJson, naming_what_is_wrong
from shared.cli.tables import console
from shared.cli.text import harmless
from shared.domain.check import CheckResult, CheckStatus, failed, ok
from shared.domain.errors import SettingsInvalid
from shared.settings import Settings, read_settings, storage_settings
from shared.usecases.run_checks import Check, run_checks

# An environment, or nothing where it is the one we are in.
_Given = tuple[()] | tuple[Mapping[str, str]]

_STYLES = {
    CheckStatus.OK: "green",
    CheckStatus.WARNING: "yellow",
    CheckStatus.FAILED: "bold red",
    CheckStatus.SKIPPED: "dim",
}
_STATUS_WIDTH, _NAME_WIDTH = 9, 16
_MAX_WIDTH = 120


def doctor(
    app_settings: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The app's settings, as `az functionapp config appsettings list` prints them."
        ),
    ] = None,
    resource: Annotated[
        str | None, typer.Option(metavar="ID", help="The Azure OpenAI resource (default: the one at the endpoint).")
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, max=600, help="How long a check may take.")] = 30.0,
    as_json: AsJson = False,
) -> None:
    """
    Look over an installation: settings, storage, sweeps, logs, upstream, keys. Ends with 1 where a check failed.

    Settings are the environment's, unless there is a file of them. Nothing is changed but a row and a blob of the
    doctor's own, written and deleted; no token is spent. What a login may do is asked of yours, not of the app's.
    Azure OpenAI is asked for its models past the gateway, which a finding will tell of.
    """
    with naming_what_is_wrong():
        given = (settings_in(app_settings),) if app_settings else ()
    results = run(_examine(given, resource, seconds))
    if as_json:
        print_json([asdict(result) for result in results])
    else:
        _print(results)
    if any(result.status is CheckStatus.FAILED for result in results):
        raise typer.Exit(1)


async def _examine(given: _Given, resource: str | None, seconds: float) -> list[CheckResult]:
    try:
        async with _patient(given, resource) as patient:
            return [*_settings(patient), *await run_checks(_checks(patient), seconds=seconds)]
    except SettingsInvalid as error:
        # Not even where storage is.
        return [failed("settings", problem, "set it: docs/settings.md") for problem in error.problems]


def _settings(patient: Patient) -> list[CheckResult]:
    if patient.settings is not None:
        return [ok("settings", "all are whole")]
    return [failed("settings", problem, "set it: docs/settings.md") for problem in patient.problems]


def _checks(patient: Patient) -> dict[str, Check]:
    tables = patient.tables
    return {
        "storage tables": partial(check_tables, tables),
        "storage blobs": partial(check_blobs, patient.blobs),
        "clock": partial(check_clock, tables, patient.clock),
        "tables": partial(check_tables_there, tables),
        "workers": partial(check_workers, tables),
        "log blobs": partial(check_logs, patient),
        "dead letters": partial(check_dead_letters, patient),
        "findings": partial(check_findings, tables, patient.clock),
        "upstream": partial(check_upstream, patient),
        "resource": partial(check_resource, patient),
        "entra": partial(check_entra, patient),
        "gateway keys": partial(check_keys, tables, patient.clock),
    }


@asynccontextmanager
async def _patient(given: _Given, resource: str | None) -> AsyncIterator[Patient]:
    """Yield what is looked at, open. Raises SettingsInvalid where it is not even said where storage is."""
    storage = storage_settings(*given)
    settings: Settings | None = None
    problems: tuple[str, ...] = ()
    try:
        settings = read_settings(*given)
    except SettingsInvalid as error:
        problems = error.problems
    async with AsyncExitStack() as stack:
        # The doctor's login, and not the identity that the app has in Azure.
        credential = await stack.enter_async_context(DefaultAzureCredential())
        yield Patient(
            settings=settings,
            problems=problems,
            clock=SystemClock(),
            tables=await stack.enter_async_context(table_service(storage, credential)),
            blobs=await stack.enter_async_context(blob_service(storage, credential)),
            log_blobs=await stack.enter_async_context(
                blob_service(settings.logs.storage if settings else storage, credential)
            ),
            session=await stack.enter_async_context(aiohttp.ClientSession()),
            credential=credential,
            resource_id=resource,
        )


def _print(results: list[CheckResult]) -> None:
    out = console()
    indent = _STATUS_WIDTH + _NAME_WIDTH
    width = min(out.width, _MAX_WIDTH) - indent
    for result in results:
        seen, *more = _wrapped(result.seen, width)
        status = (f"{result.status:<{_STATUS_WIDTH}}", _STYLES[result.status])
        out.print(Text.assemble(status, f"{result.name:<{_NAME_WIDTH}}{seen}"), soft_wrap=True)
        if result.advice:
            more += _wrapped(f"-> {result.advice}", width)
        if result.command:
            # In one piece, to be copied.
            more.append(f"$ {harmless(result.command)}")
        for text in more:
            out.print(Text(" " * indent + text), soft_wrap=True)
    counts = ", ".join(f"{sum(r.status is status for r in results)} {status}" for status in CheckStatus)
    out.print(Text(f"\n{counts}"))


def _wrapped(text: str, width: int) -> list[str]:
    return wrap(harmless(text), width, break_on_hyphens=False, break_long_words=False)
