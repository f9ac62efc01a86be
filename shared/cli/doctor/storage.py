"""Whether storage can be reached, read and written, and whether its clock is ours."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

from azure.core.exceptions import HttpResponseError
from azure.data.tables.aio import TableServiceClient
from azure.storage.blob.aio import BlobServiceClient

from shared.adapters.table_service import storage_errors
from shared.domain.check import CheckResult, failed, ok, warning
from shared.domain.errors import StorageError, StorageNotAuthorized, StorageUnavailable
from shared.ports.clock import Clock

TABLE = "aoailedgerdoctor"
CONTAINER = "aoai-ledger-doctor"

_TABLE_ROLE = "Storage Table Data Contributor"
_BLOB_ROLE = "Storage Blob Data Contributor"
# The service dates its answers to the second, and an answer takes a moment.
_UNREMARKABLE_SKEW = timedelta(seconds=5)
# Beyond it the service refuses what is signed with a key.
# https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key#specifying-the-date-header
_REFUSED_SKEW = timedelta(minutes=15)


async def check_tables(tables: TableServiceClient) -> list[CheckResult]:
    """Return whether this login can read tables, and write a row into one of its own."""
    access = _Access(
        name="storage tables",
        account=tables.account_name or "",
        role=_TABLE_ROLE,
        read=partial(_read_tables, tables),
        write=partial(_write_row, tables),
        kept_out=failed,
    )
    return [await access.check()]


async def check_blobs(blobs: BlobServiceClient) -> list[CheckResult]:
    """Return whether this login can read blobs, and write one into a container of its own."""
    access = _Access(
        name="storage blobs",
        account=blobs.account_name or "",
        role=_BLOB_ROLE,
        read=partial(_read_containers, blobs),
        write=partial(_write_blob, blobs),
        # Who issues keys and reads reports needs no blob.
        kept_out=warning,
    )
    return [await access.check()]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Access:
    """A way into an account, the role that opens it, and how bad it is to be kept out."""

    name: str
    account: str
    role: str
    read: Callable[[], Awaitable[None]]
    write: Callable[[], Awaitable[None]]
    kept_out: Callable[[str, str, str, str], CheckResult]

    async def check(self) -> CheckResult:
        """Return whether one can read, and write."""
        try:
            await self.read()
        except StorageError as error:
            return self._not_read(error)
        try:
            await self.write()
        except StorageNotAuthorized:
            seen = f"{self.account} can be read and not written with this login"
            advice = f"reports work; to issue keys, accept findings or ingest logs takes the role {self.role}"
            return warning(self.name, seen, advice, self._grant())
        except StorageError as error:
            return self._not_read(error)
        return ok(self.name, f"{self.account} can be read and written with this login")

    def _not_read(self, error: StorageError) -> CheckResult:
        if isinstance(error, StorageNotAuthorized) and not _is_status(error.__cause__):
            return failed(self.name, str(error), "log in", "az login")
        if isinstance(error, StorageNotAuthorized):
            seen = f"{self.account} does not let this login in"
            advice = f"the role {self.role} is missing, or its network rules say no"
            return self.kept_out(self.name, seen, advice, self._grant())
        if isinstance(error, StorageUnavailable):
            advice = f"see that {self.account} is the account's name, and that its network rules let this machine in"
            return failed(self.name, str(error), advice)
        return failed(self.name, str(error), "see that the account is a general-purpose v2 one")

    def _grant(self) -> str:
        scope = f'"$(az storage account show --name {self.account} --query id --output tsv)"'
        return f'az role assignment create --role "{self.role}" --assignee OBJECT_ID --scope {scope}'


def _is_status(cause: BaseException | None) -> bool:
    """Return whether the service itself said no, and not Entra before it."""
    return isinstance(cause, HttpResponseError) and cause.status_code in {401, 403}


async def _read_tables(tables: TableServiceClient) -> None:
    with storage_errors("listing tables"):
        async for _ in tables.list_tables(results_per_page=1):
            return


async def _write_row(tables: TableServiceClient) -> None:
    row = {"PartitionKey": "probe", "RowKey": uuid.uuid4().hex}
    with storage_errors("writing a row"):
        table = await tables.create_table_if_not_exists(TABLE)
        await table.create_entity(row)
        await table.delete_entity(row)


async def _read_containers(blobs: BlobServiceClient) -> None:
    with storage_errors("listing containers"):
        async for _ in blobs.list_containers(results_per_page=1):
            return


async def _write_blob(blobs: BlobServiceClient) -> None:
    container = blobs.get_container_client(CONTAINER)
    with storage_errors("writing a blob"):
        if not await container.exists():
            await container.create_container()
        blob = await container.upload_blob(uuid.uuid4().hex, b"probe")
        await blob.delete_blob()


async def check_clock(tables: TableServiceClient, clock: Clock) -> list[CheckResult]:
    """Return whether this machine's clock is storage's."""
    skew = clock.now() - await service_time(tables)
    side = "ahead of" if skew > timedelta(0) else "behind"
    seen = f"this machine's clock is {abs(skew.total_seconds()):.0f} s {side} storage's"
    if abs(skew) <= _UNREMARKABLE_SKEW:
        return [ok("clock", "this machine's clock is storage's")]
    if abs(skew) < _REFUSED_SKEW:
        return [warning("clock", seen, "let it be set by NTP; rows are keyed by the time on the app's instances")]
    return [failed("clock", seen, "let it be set by NTP: storage refuses what is dated so far off")]


async def service_time(tables: TableServiceClient) -> datetime:
    """Return the time by storage's clock, to the second. Raises StorageError."""
    dates: list[str] = []

    def note(response: Any) -> None:
        dates.append(response.http_response.headers.get("Date", ""))

    with storage_errors("asking for the time"):
        async for _ in tables.list_tables(results_per_page=1, raw_response_hook=note):
            break
    try:
        return parsedate_to_datetime(dates[0])
    except (IndexError, ValueError) as error:
        raise StorageUnavailable("storage's answer has no date") from error
