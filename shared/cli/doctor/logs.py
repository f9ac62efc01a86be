"""Whether Azure exports its logs, and whether they are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob.aio import ContainerClient

from shared.adapters.blob_dead_letters import CONTAINER as DEAD_LETTERS
from shared.adapters.blob_log_reader import BlobLogReader
from shared.adapters.table_checkpoints import TABLE as CHECKPOINTS_TABLE
from shared.adapters.table_checkpoints import TableCheckpoints
from shared.adapters.table_partitions import partitions
from shared.adapters.table_service import storage_errors
from shared.bootstrap.records import query_records
from shared.cli.doctor.environment import Patient
from shared.cli.options import OPERATOR
from shared.domain.check import CheckResult, failed, ok, skipped, warning
from shared.domain.errors import StorageNotAuthorized
from shared.domain.logs.blob_name import hour_of, recent_prefixes
from shared.domain.logs.keys import SERVICE_CALLS_TABLE
from shared.domain.logs.reading import Checkpoint, ListedBlob
from shared.domain.record_pages import RecordFilter
from shared.domain.usage_record import Outcome
from shared.settings import Settings
from shared.usecases.query_records import RecordsQuery

# Over how long a resource that is called must have logged something, and how late that may be.
_LATELY = timedelta(hours=24)
_SETTLED = timedelta(hours=3)
_HOUR = timedelta(hours=1)
_MANY = 1000
_KEPT_OUT = "this login may not read blobs"
EXPORT_COMMAND = (
    "az monitor diagnostic-settings create --name aoai-ledger --resource RESOURCE_ID --storage-account ACCOUNT_ID "
    '--logs \'[{"category":"RequestResponse","enabled":true},{"category":"AzureOpenAIRequestUsage","enabled":true},'
    '{"category":"Audit","enabled":true}]\''
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Container:
    """A container of logs: what has come lately, and what of it has not been read long after it came."""

    name: str
    recent: Sequence[ListedBlob]
    unread: Sequence[ListedBlob]


async def check_logs(patient: Patient) -> list[CheckResult]:
    """Return whether log blobs come, and whether they are read."""
    if patient.settings is None:
        return [skipped("log blobs", "the settings are not whole")]
    now = patient.clock.now()
    try:
        containers = await _containers(patient, patient.settings, now)
    except StorageNotAuthorized:
        return [skipped("log blobs", _KEPT_OUT), *await _categories(patient, [], now)]
    return [_read(containers), *await _categories(patient, containers, now)]


async def _containers(patient: Patient, settings: Settings, now: datetime) -> list[_Container]:
    reader = BlobLogReader(patient.log_blobs)
    names = [name async for name in reader.containers(settings.logs.containers)]
    return [await _container(patient, reader, name, now) for name in names]


async def _container(patient: Patient, reader: BlobLogReader, name: str, now: datetime) -> _Container:
    prefixes = [p async for resource in reader.resources(name) for p in recent_prefixes(resource, now)]
    listed = [blob for prefix in prefixes async for blob in reader.under(name, prefix)]
    recent = [blob for blob in listed if now - _hour(blob, now) <= _LATELY]
    checkpoints = TableCheckpoints(patient.tables.get_table_client(CHECKPOINTS_TABLE))
    known = await checkpoints.of_container(reader.account, name, now - _LATELY - _HOUR)
    unread = [blob for blob in recent if _is_overdue(blob, now) and _offset(known, blob) < blob.size]
    return _Container(name=name, recent=recent, unread=unread)


def _is_overdue(blob: ListedBlob, now: datetime) -> bool:
    return now - _hour(blob, now) >= _SETTLED


def _offset(known: Mapping[str, Checkpoint], blob: ListedBlob) -> int:
    checkpoint = known.get(blob.blob.name)
    return checkpoint.offset if checkpoint else 0


def _hour(blob: ListedBlob, now: datetime) -> datetime:
    return hour_of(blob.blob.name) or now


def _read(containers: Sequence[_Container]) -> CheckResult:
    unread = sum(len(container.unread) for container in containers)
    total = sum(len(container.recent) for container in containers)
    if unread:
        advice = "see that the timer `ingest_logs` is among the app's functions, and its events `logblob.not_ingested`"
        return failed("log blobs", f"{unread} of {total} blobs of the last day have not been read to their end", advice)
    if not total:
        return skipped("log blobs", "no log blob has come in the last day")
    return ok("log blobs", f"{total} of the last day, all read that are a few hours old")


async def _categories(patient: Patient, containers: Sequence[_Container], now: datetime) -> list[CheckResult]:
    """Return whether Azure logs the calls that we record: the one cannot be without the other."""
    seen = [container.name.removeprefix("insights-") for container in containers if container.recent]
    came = f"seen in the last day: {', '.join(seen) or 'none'}"
    if not await _has_calls(patient, now):
        return [skipped("diagnostics", f"no call of the last day is so old that it must be logged by now; {came}")]
    if not await _has_logged(patient, now):
        what = "calls were answered in the last day, and Azure has logged none of them"
        return [failed("diagnostics", f"{what}; {came}", "make a diagnostic setting", EXPORT_COMMAND)]
    if seen and not any("usage" in name for name in seen):
        advice = "add the category AzureOpenAIRequestUsage to the diagnostic setting, to have tokens compared by call"
        return [warning("diagnostics", f"Azure logs calls, and not their tokens; {came}", advice)]
    return [ok("diagnostics", f"Azure logs the calls that are made; {came}")]


async def _has_calls(patient: Patient, now: datetime) -> bool:
    query = RecordsQuery(
        begun_from=now - _LATELY, begun_before=now - _SETTLED, limit=1, only=RecordFilter(outcome=Outcome.COMPLETED)
    )
    return bool((await query_records(patient.tables, patient.clock)(query, OPERATOR)).records)


async def _has_logged(patient: Patient, now: datetime) -> bool:
    table = patient.tables.get_table_client(SERVICE_CALLS_TABLE)
    with storage_errors("reading service calls"):
        async for _ in partitions(table, f"{now - _LATELY - _HOUR:%Y%m%dT%H}", f"{now + _HOUR:%Y%m%dT%H}"):
            return True
    return False


async def check_dead_letters(patient: Patient) -> list[CheckResult]:
    """Return whether there are lines that could not be read."""
    try:
        sizes = await _sizes(patient.blobs.get_container_client(DEAD_LETTERS))
    except StorageNotAuthorized:
        return [skipped("dead letters", _KEPT_OUT)]
    if not sizes:
        return [ok("dead letters", "none")]
    count = f"{len(sizes):,}{'+' if len(sizes) == _MANY else ''}"
    seen = f"{count} blobs of them, {sum(sizes):,} bytes, in container {DEAD_LETTERS}"
    advice = "read their `reason`: Azure may have changed a format; delete them when they are dealt with"
    return [warning("dead letters", seen, advice)]


async def _sizes(container: ContainerClient) -> list[int]:
    """Return the sizes of its blobs, of the first where they are many; none where there is no container."""
    sizes = list[int]()
    with storage_errors("listing dead letters"):
        try:
            async for blob in container.list_blobs():
                sizes.append(blob.size or 0)
                if len(sizes) == _MANY:
                    break
        except ResourceNotFoundError:
            return []
    return sizes
