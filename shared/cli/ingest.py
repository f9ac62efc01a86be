"""`ingest`: read logs that Azure exported, however old, from a container, a folder or a file."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import asdict, dataclass
from typing import Annotated
from urllib.parse import unquote, urlsplit

import aiohttp
import typer
from azure.core.credentials_async import AsyncTokenCredential
from azure.identity.aio import DefaultAzureCredential
from azure.storage.blob.aio import BlobServiceClient
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from shared.adapters.blob_log_reader import BlobLogReader
from shared.adapters.blob_service import blob_service
from shared.adapters.folder_log_reader import FolderLogReader
from shared.adapters.system_clock import SystemClock
from shared.adapters.table_authorization import TableEndpoint
from shared.adapters.table_service import table_service
from shared.adapters.table_transactions import TableTransactions
from shared.bootstrap.log_ingestion import LogIngestion
from shared.cli.console import print_json, run
from shared.domain.errors import MalformedRequest
from shared.domain.logs.reading import Ingested
from shared.ports.logs import LogBlobs
from shared.settings import storage_settings
from shared.usecases.backfill_logs import BackfillLogs, OnProgress

_SCHEMES = ("https://", "http://")
# 128 and the number of SIGINT, as shells have it.
_INTERRUPTED = 130


def ingest(
    source: Annotated[
        str, typer.Argument(metavar="PATH|URL", help="A file of lines, a folder of them, or a container's URL.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """
    Read logs that Azure exported. Interrupt it at any time: run again, it goes on from there.

    A URL may go on behind the container, to the beginning of the blobs' names, and may carry a SAS.
    """
    try:
        done = run(_ingest(source))
    except KeyboardInterrupt:
        typer.echo("interrupted: the same command goes on from here", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    if as_json:
        print_json(asdict(done))
        return
    typer.echo(
        f"{done.lines:,} lines of {done.blobs:,} blobs: {done.stored:,} stored, {done.duplicates:,} known already, "
        f"{done.dead_letters:,} dead letters"
    )


async def _ingest(source: str) -> Ingested:
    storage, clock = storage_settings(), SystemClock()
    async with AsyncExitStack() as stack:
        credential = DefaultAzureCredential(managed_identity_client_id=storage.client_id)
        await stack.enter_async_context(credential)
        blobs = await stack.enter_async_context(blob_service(storage, credential))
        tables = await stack.enter_async_context(table_service(storage, credential))
        transactions = TableTransactions(
            TableEndpoint.of(tables),
            await stack.enter_async_context(aiohttp.ClientSession()),
            create_table=tables.create_table_if_not_exists,
            clock=clock,
            jitter=random.random,
        )
        logs = LogIngestion.over(tables, transactions, blobs)
        where = await _find(source, blobs, credential, stack)
        backfill = BackfillLogs(
            blobs=where.blobs, ingest=logs.of_blobs(where.blobs), clock=clock, all_sealed=where.all_sealed
        )
        with _progress_bar() as on_progress:
            return await backfill(where.container, where.prefix, on_progress=on_progress)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """Where the logs are. `all_sealed` says that none of them grows any more."""

    blobs: LogBlobs
    container: str
    prefix: str
    all_sealed: bool


async def _find(
    source: str, ledgers: BlobServiceClient, credential: AsyncTokenCredential, stack: AsyncExitStack
) -> _Source:
    """Return where a path or URL leads; what is opened for it is the stack's to close."""
    if not source.startswith(_SCHEMES):
        return _Source(blobs=FolderLogReader(), container="", prefix=source, all_sealed=True)
    url, _, sas = source.partition("?")
    service = ledgers
    # The ledger's own account may be one that only its connection string opens, as the emulator is.
    if sas or not url.startswith(ledgers.url):
        address = urlsplit(url)
        service = BlobServiceClient(f"{address.scheme}://{address.netloc}", credential=sas or credential)
        await stack.enter_async_context(service)
    container, _, prefix = unquote(url.removeprefix(service.url.partition("?")[0])).strip("/").partition("/")
    if not container:
        raise MalformedRequest("the URL names no container")
    return _Source(blobs=BlobLogReader(service), container=container, prefix=prefix, all_sealed=False)


@contextmanager
def _progress_bar() -> Iterator[OnProgress]:
    """Show how far it is, on a terminal only, and not where a script reads the result."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("reading logs", total=None)

        def on_progress(bytes_read: int, bytes_in_all: int) -> None:
            progress.update(task, completed=bytes_read, total=bytes_in_all)

        yield on_progress
