"""Azure's logs looked over: whether they come while calls are made, are read, and are understood."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from azure.storage.blob.aio import BlobServiceClient

from local.azurite import Azurite
from shared.adapters.blob_dead_letters import CONTAINER as DEAD_LETTERS
from shared.adapters.system_clock import SystemClock
from shared.adapters.usage_columns import USAGE_TABLE
from shared.cli.doctor.environment import Patient
from shared.cli.doctor.logs import check_dead_letters, check_logs
from shared.domain.check import CheckResult, CheckStatus
from shared.domain.logs.entries import ServiceCall
from shared.domain.logs.keys import SERVICE_CALLS_TABLE
from shared.domain.logs.reading import Checkpoint
from tests.adapters.records import record
from tests.adapters.usage_rows import put_records
from tests.cli.doctor.patient import answering, patient
from tests.usecases.ingesting import LogAccount, call_line, log_account

OK, WARNING, FAILED, SKIPPED = CheckStatus
NOW = SystemClock().now()


@dataclass(frozen=True, slots=True)
class Logs:
    """An installation, and the account that its logs come to."""

    patient: Patient
    account: LogAccount

    async def results(self) -> dict[str, CheckResult]:
        return {result.name: result for result in await check_logs(self.patient)}

    async def called(self, hours_ago: float = 6) -> None:
        """Record a call."""
        await put_records(self.patient.tables, [record("c1", begun_at=NOW - timedelta(hours=hours_ago))])

    async def logged(self) -> None:
        """Let Azure have logged it."""
        at = NOW - timedelta(hours=6)
        await self.account.store.put([ServiceCall(self.account.resource, "c1", at, requested_at=at)])

    async def exported(self, at: datetime, *, read_to: int | None = None) -> None:
        """Let a blob have come, and have been read so far."""
        blob = self.account.blob(at)
        line = call_line(self.account.resource, "c1") + b"\n"
        await self.account.append(blob, line)
        if read_to is not None:
            await self.account.checkpoints.advance(blob, Checkpoint(offset=min(read_to, len(line))))


@pytest.fixture
async def logs(azurite: Azurite) -> AsyncIterator[Logs]:
    """One without a call, and with a container of its own."""
    async with (
        log_account(azurite) as account,
        patient(azurite, LOGS_CONTAINERS=account.container) as ours,
    ):
        for table in (USAGE_TABLE, SERVICE_CALLS_TABLE):
            await ours.tables.delete_table(table)
            await ours.tables.create_table(table)
        yield Logs(ours, account)


async def test_logs_that_come_and_are_read_are_well(logs: Logs) -> None:
    """Blobs of the last hours may not be read to their ends; older ones must be."""
    await logs.called()
    await logs.logged()
    await logs.exported(NOW - timedelta(hours=6), read_to=10**9)
    await logs.exported(NOW)
    results = await logs.results()

    assert (results["log blobs"].status, results["log blobs"].seen[:18]) == (OK, "2 of the last day,")
    assert logs.account.container in results["diagnostics"].seen


async def test_a_blob_that_nobody_reads_is_a_failure(logs: Logs) -> None:
    """The timer is not there, or cannot."""
    await logs.exported(NOW - timedelta(hours=6))
    await logs.exported(NOW - timedelta(hours=7), read_to=10)
    await logs.exported(NOW - timedelta(hours=30))
    result = (await logs.results())["log blobs"]

    assert (result.status, result.seen) == (FAILED, "2 of 2 blobs of the last day have not been read to their end")
    assert "ingest_logs" in result.advice


async def test_calls_that_azure_does_not_log_are_a_failure(logs: Logs) -> None:
    """Nothing can be reconciled without a diagnostic setting; the command makes one."""
    await logs.called()
    result = (await logs.results())["diagnostics"]

    assert result.status is FAILED
    assert result.command.startswith("az monitor diagnostic-settings create")


async def test_where_nothing_is_called_nothing_need_be_logged(logs: Logs) -> None:
    """A call of a moment ago may be logged yet; one of last week says nothing."""
    await logs.called(0.1)
    await logs.called(100)
    results = await logs.results()

    assert [result.status for result in results.values()] == [SKIPPED, SKIPPED]


async def test_calls_logged_without_their_tokens_are_worth_a_look(logs: Logs) -> None:
    """They are compared by the hour then, and not one by one."""
    await logs.called()
    await logs.logged()
    await logs.exported(NOW, read_to=10**9)

    assert (await logs.results())["diagnostics"].status is WARNING


async def test_logs_that_come_by_event_hub_have_no_blobs(logs: Logs) -> None:
    """That calls are logged is seen in the table they end in."""
    await logs.called()
    await logs.logged()

    assert (await logs.results())["diagnostics"].status is OK


async def test_dead_letters_are_counted(logs: Logs) -> None:
    """Nobody looks into a container that is not pointed at."""
    await asyncio.sleep(0)
    container = logs.patient.blobs.get_container_client(DEAD_LETTERS)
    if await container.exists():
        await container.delete_container()
    (none,) = await check_dead_letters(logs.patient)
    await container.create_container()
    (empty,) = await check_dead_letters(logs.patient)
    await container.upload_blob("a.jsonl", b"{}\n")
    (some,) = await check_dead_letters(logs.patient)
    await container.delete_container()

    assert [none.status, empty.status, some.status] == [OK, OK, WARNING]
    assert some.seen.startswith("1 blobs of them, 3 bytes")


async def test_who_may_not_read_blobs_is_told_what_the_tables_say(logs: Logs) -> None:
    """An operator who issues keys has no role for blobs, and that is no fault of the installation."""
    await logs.called()
    await logs.logged()
    async with (
        answering(403, "<Error><Code>AuthorizationPermissionMismatch</Code></Error>") as (_, url),
        BlobServiceClient.from_connection_string(
            f"AccountName=contoso;AccountKey=c2VjcmV0;BlobEndpoint={url}/contoso;", retry_total=0
        ) as blobs,
    ):
        kept_out = replace(logs.patient, blobs=blobs, log_blobs=blobs)
        results = [*await check_logs(kept_out), *await check_dead_letters(kept_out)]

    assert [(result.name, result.status) for result in results] == [
        ("log blobs", SKIPPED),
        ("diagnostics", OK),
        ("dead letters", SKIPPED),
    ]


async def test_without_settings_there_is_nowhere_to_look(logs: Logs) -> None:
    """What is wrong with them is told by another check."""
    (result,) = await check_logs(replace(logs.patient, settings=None))

    assert result.status is SKIPPED
