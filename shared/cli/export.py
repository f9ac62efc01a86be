"""`export`: write days of usage as files, to the container or to a folder."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import asdict
from datetime import UTC, date, timedelta
from pathlib import Path
from typing import Annotated

import typer
from azure.identity.aio import DefaultAzureCredential

from shared.adapters.blob_export_files import BlobExportFiles
from shared.adapters.blob_service import blob_service
from shared.adapters.folder_export_files import FolderExportFiles
from shared.adapters.system_clock import SystemClock
from shared.adapters.table_service import table_service
from shared.adapters.table_usage_records import TableUsageRecords
from shared.bootstrap.exporting import exports_of
from shared.cli.console import print_json, run
from shared.domain.exports import ExportedFile, ExportFormat, is_container_name, whole_days
from shared.ports.export_files import ExportFiles
from shared.settings import export_settings, storage_settings
from shared.usecases.export_usage import ExportUsage


def export(
    first: Annotated[str | None, typer.Option("--from", help="The first day, UTC (default: yesterday).")] = None,
    end: Annotated[str | None, typer.Option("--to", help="The day after the last, UTC (default: today).")] = None,
    formats: Annotated[
        list[ExportFormat] | None,
        typer.Option("--format", help="What to write; may be repeated (default: EXPORT_FORMATS)."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(metavar="FOLDER|CONTAINER", help="./FOLDER on this machine, or a container (EXPORT_CONTAINER)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """
    Write whole days of usage as files. The same days again replace them.

    What has a slash in it, or is a folder that is there, is a folder; any other --output is a container.
    """
    files = run(_export(_days(first, end), formats, output))
    if as_json:
        print_json([{"name": file.name, "is_new": file.is_new, **asdict(file.facts)} for file in files])
        return
    for file in files:
        unpriced = (
            f", {file.facts.unpriced_calls:,} calls without a price left out" if file.facts.unpriced_calls else ""
        )
        typer.echo(f"{file.name}: {file.facts.rows:,} rows{unpriced}{'' if file.is_new else ', as it was'}")


def _days(first: str | None, end: str | None) -> list[date]:
    today = SystemClock().now().astimezone(UTC).date()
    last = _day("--to", end) or today
    days = list(whole_days(_day("--from", first) or last - timedelta(days=1), last))
    if not days:
        raise typer.BadParameter("--to is a day after --from")
    return days


def _day(option: str, text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise typer.BadParameter(f"{option} is not a day: write 2026-11-01") from error


async def _export(days: list[date], formats: list[ExportFormat] | None, output: str | None) -> list[ExportedFile]:
    storage, (exports, pricing) = storage_settings(), export_settings()
    async with AsyncExitStack() as stack:
        credential = DefaultAzureCredential(managed_identity_client_id=storage.client_id)
        await stack.enter_async_context(credential)
        tables = await stack.enter_async_context(table_service(storage, credential))
        blobs = await stack.enter_async_context(blob_service(storage, credential))
        files = _folder(output) or BlobExportFiles(blobs, output or exports.container)
        wanted = exports_of(formats or exports.formats, exports, pricing)
        if not wanted:
            raise typer.BadParameter("EXPORT_FORMATS is off: say what to write with --format")
        export_day = ExportUsage(TableUsageRecords(tables), files, wanted)
        return [file for day in days for file in await export_day(day)]


def _folder(output: str | None) -> ExportFiles | None:
    # No name of a container has a slash or a dot in it.
    if output and ("/" in output or "." in output or Path(output).is_dir()):
        return FolderExportFiles(Path(output))
    if output and not is_container_name(output):
        raise typer.BadParameter("--output is ./FOLDER, or the name of a container")
    return None
