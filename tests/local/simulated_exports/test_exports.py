"""What the simulated exports write is what the product reads from Azure: whole, once, however it comes."""

from __future__ import annotations

import random
import socket
import time
from datetime import timedelta

import pytest
from azure.storage.blob.aio import BlobServiceClient

from local.azurite import Azurite
from local.simulated_exports import AT_ONCE, Administrator, Forms, Lateness, SimulatedExports, TokenCounts
from local.simulated_exports.account import SIMULATED_RESOURCE
from shared.adapters.system_clock import SystemClock
from shared.domain.logs.entries import AuditEvent, AuditKind, AuditPhase, AuditSource, ServiceCall
from shared.domain.logs.line_reading import parse_line
from tests.local.simulated_exports.exporting import Exporting, exporting

CALLS = "insights-logs-requestresponse"
ACTIVITY = "insights-activity-logs"
AUDIT = "insights-logs-audit"
EVE = Administrator(object_id="0b000000-0000-4000-8000-00000000000e", name="eve@contoso.example", address="192.0.2.9")


async def test_what_was_told_is_in_the_tables_once_after_any_number_of_looks(azurite: Azurite) -> None:
    """Whatever the order, the blocks and the forms: it is on this that the reconciliation is tried out."""
    async with exporting(azurite) as azure:
        for number in range(60):
            azure.clock.advance(1.3)
            refused = {} if number % 5 else {"status": 429, "tokens": None}
            azure.exports.call(azure.served(number, **refused))
            await azure.exports.write_due()
            if not number % 7:
                await azure.ingest()
        azure.exports.keys_listed()
        await azure.exports.flush()
        await azure.ingest()
        again = await azure.ingest()
        rows = await azure.counts()
        letters = await azure.account.letters()

    assert rows["servicecalls"] == 60 + 48  # each call, and the usage of those that were answered
    assert rows["auditevents"] == 3  # in the Activity Log its beginning and its end, and in the Audit log
    assert rows["otherlogs"] == 12
    assert (again.lines, letters) == (0, [])


async def test_lines_come_late_out_of_order_and_cut(azurite: Azurite) -> None:
    """A reader that took a blob for done, or its last line for whole, would be found out here."""
    cut = 0
    async with exporting(azurite) as azure:
        for number in range(40):
            azure.exports.call(azure.served(number))
            azure.clock.advance(1)
            await azure.exports.write_due()
            if azure.exports.blobs and azure.clock.now().second % 3 == 0:
                cut += await _is_cut(azure)
        early = len(await azure.lines(CALLS))
        await azure.exports.flush()
        lines = await azure.lines(CALLS)
    times = [_call(line).logged_at for line in lines]

    assert cut > 3
    assert early < len(lines)
    assert times != sorted(times)
    assert sorted({_call(line).correlation_id for line in lines}) == [f"c-{number:04}" for number in range(40)]


async def test_a_call_is_logged_in_the_hour_it_arrived_in(azurite: Azurite) -> None:
    """Not in that of the call: who looks for a call by the blob's hour does not find it."""
    late = Lateness(usual=(3900, 3900), late_share=0)
    async with exporting(azurite, lateness=late, forms=Forms(two_rows=0)) as azure:
        azure.exports.call(azure.served(1))
        await azure.exports.write_due()
        at_first = azure.exports.blobs
        azure.clock.advance(3905)
        await azure.exports.write_due()
        (line,) = await azure.lines(CALLS)
        (blob,) = [blob for blob in azure.exports.blobs if blob.container == CALLS]

    assert at_first == []
    assert blob.name == f"resourceId={azure.resource.id.upper()}/y=2026/m=11/d=23/h=10/m=00/PT1H.json"
    assert _call(line).requested_at == azure.served(1).requested_at - timedelta(seconds=3905)


@pytest.mark.parametrize("forms", [Forms(two_rows=0), Forms(two_rows=1), Forms(properties_as_object=1)])
async def test_a_call_is_told_in_every_form_that_azure_has_had(azurite: Azurite, forms: Forms) -> None:
    """One line or two, text or object: it is one row, which says all that either does."""
    async with exporting(azurite, lateness=AT_ONCE, forms=forms) as azure:
        told = azure.served(7, object_id=EVE.object_id, caller_address="192.0.2.77", streamed=True)
        azure.exports.call(told)
        await azure.exports.flush()
        done = await azure.ingest()
        (call, usage) = sorted(await azure.account.rows("servicecalls"), key=lambda row: str(row["RowKey"]))

    assert done.dead_letters == 0
    assert (call["object_id"], call["caller_address"], call["streamed"]) == (EVE.object_id, "192.0.2.**", True)
    assert (call["deployment"], call["model"], call["model_version"]) == ("gpt-4o", "gpt-4o", "2024-11-20")
    assert call["requested_at"] == told.requested_at
    assert (usage["RowKey"], usage["cached_tokens"].value) == ("c-0007~usage", 1024)
    assert (usage["prompt_tokens"].value, usage["completion_tokens"].value) == (2007, 7)


async def test_a_listing_of_keys_has_a_name_in_the_activity_log_and_none_in_the_audit_log(azurite: Azurite) -> None:
    """Which is why both are read."""
    async with exporting(azurite) as azure:
        correlation_id = azure.exports.keys_listed(EVE)
        await azure.exports.flush()
        begun, ended = sorted([_event(line) for line in await azure.lines(ACTIVITY)], key=lambda event: event.phase)
        (audited,) = [_event(line) for line in await azure.lines(AUDIT)]

    assert {each.kind for each in (begun, ended, audited)} == {AuditKind.KEYS_LISTED}
    assert (begun.phase, ended.phase) == (AuditPhase.STARTED, AuditPhase.SUCCEEDED)
    assert begun.correlation_id == ended.correlation_id == correlation_id
    assert (ended.principal_name, ended.object_id, ended.caller_address) == (EVE.name, EVE.object_id, EVE.address)
    assert audited.source is AuditSource.AUDIT_LOG
    assert (audited.object_id, audited.principal_name, audited.caller_address) == (None, None, None)


async def test_what_bears_on_who_can_call_is_read_as_that(azurite: Azurite) -> None:
    """Each is a finding of its own, and says what was asked for in the event of its beginning."""
    async with exporting(azurite) as azure:
        azure.exports.role_granted("0b000000-0000-4000-8000-00000000000f")
        azure.exports.local_auth_disabled()
        azure.exports.local_auth_enabled()
        azure.exports.deployment_written("shadow")
        azure.exports.key_regenerated()
        await azure.exports.flush()
        events = [_event(line) for line in await azure.lines(ACTIVITY)]
    begun = [event for event in events if event.phase is AuditPhase.STARTED]
    by_kind = {event.kind: event for event in begun}

    assert {event.kind for event in events if event.phase is AuditPhase.SUCCEEDED} == by_kind.keys()
    assert by_kind[AuditKind.ROLE_ASSIGNED].granted_to == "0b000000-0000-4000-8000-00000000000f"
    assert {event.disables_local_auth for event in begun if event.kind is AuditKind.ACCOUNT_WRITTEN} == {True, False}
    assert by_kind[AuditKind.DEPLOYMENT_WRITTEN].resource_id.endswith("/deployments/shadow")
    assert AuditKind.KEY_REGENERATED in by_kind


async def test_metrics_are_of_whole_minutes_and_add_up(azurite: Azurite) -> None:
    """The only count of Azure's that loses no call, and it knows no caller."""
    async with exporting(azurite, lateness=AT_ONCE) as azure:
        for number in range(10):
            azure.exports.call(azure.served(number, tokens=TokenCounts(prompt=10, completion=number)))
            azure.clock.advance(9)
        azure.exports.call(azure.served(11, status=429, tokens=None))
        await azure.exports.write_due()
        of_first_minute = await azure.lines("insights-metrics-pt1m")
        await azure.exports.flush()
        await azure.ingest()
        rows = await azure.account.rows("metrics")
    totals = {name: sum(row["total"] for row in rows if row["metric"] == name) for name in {r["metric"] for r in rows}}

    assert len(of_first_minute) == 4
    assert totals == {
        "AzureOpenAIRequests": 11,
        "ProcessedPromptTokens": 100,
        "GeneratedTokens": 45,
        "TokenTransaction": 145,
    }


async def test_a_minute_that_calls_are_added_to_says_all_of_it_in_its_later_line(azurite: Azurite) -> None:
    """A test that flushes between two calls of a minute has the right sum all the same."""
    async with exporting(azurite, lateness=AT_ONCE) as azure:
        for number in range(2):
            azure.exports.call(azure.served(number, tokens=TokenCounts(prompt=10)))
            await azure.exports.flush()
        await azure.ingest()
        (row,) = [row for row in await azure.account.rows("metrics") if row["metric"] == "ProcessedPromptTokens"]

    assert (row["count"], row["total"]) == (2, 20)


async def test_a_silent_diagnostic_setting_tells_nothing_but_the_activity_log_does(azurite: Azurite) -> None:
    """Somebody who takes the setting away to be unseen is seen doing it, and nothing that comes after."""
    async with exporting(azurite, lateness=AT_ONCE) as azure:
        azure.exports.call(azure.served(1))
        azure.exports.diagnostics_silent()
        azure.exports.call(azure.served(2))
        azure.exports.keys_listed()
        azure.exports.diagnostics_resumed()
        azure.exports.call(azure.served(3))
        await azure.exports.flush()
        ids = {_call(line).correlation_id for line in await azure.lines(CALLS)}
        audited, activity = await azure.lines(AUDIT), await azure.lines(ACTIVITY)

    assert ids == {"c-0001", "c-0003"}
    assert (len(audited), len(activity)) == (0, 2)


async def test_the_same_seed_writes_the_same_bytes(azurite: Azurite) -> None:
    """A run that failed can be had again."""
    contents = []
    for _ in range(2):
        async with exporting(azurite, seed=11) as azure:
            for number in range(20):
                azure.exports.call(azure.served(number))
                azure.clock.advance(2)
                await azure.exports.write_due()
            await azure.exports.flush()
            mine = azure.resource.id.upper().encode()
            contents.append([(await azure.content(blob)).replace(mine, b"") for blob in azure.exports.blobs])

    assert contents[0] == contents[1]


async def test_half_a_line_that_a_killed_process_left_spoils_no_line_after_it(azurite: Azurite) -> None:
    """`make run` goes on with the blobs of the last time."""
    async with exporting(azurite, lateness=AT_ONCE, forms=Forms(two_rows=0)) as azure:
        for number in (1, 2):
            azure.exports.call(azure.served(number))
            await azure.exports.flush()
        (blob,) = [blob for blob in azure.exports.blobs if blob.container == CALLS]
        client = azure.account.service.get_blob_client(blob.container, blob.name)
        await client.append_block(b'{"half": "a li')
        next_time = Exporting(azure.account, seed=8, lateness=AT_ONCE, forms=Forms(two_rows=0))
        next_time.exports.call(next_time.served(3))
        await next_time.exports.flush()
        lines = await azure.lines(CALLS)

    assert [_call(line).correlation_id for line in lines[:2] + lines[3:]] == ["c-0001", "c-0002", "c-0003"]
    assert lines[2] == b'{"half": "a li'


async def test_running_ends_with_everything_written(azurite: Azurite) -> None:
    """Ctrl-C comes right after a call more often than not."""
    async with exporting(azurite, lateness=Lateness(usual=(60, 60))) as azure:
        async with azure.exports.running(close_seconds=30):
            azure.exports.call(azure.served(1))
        lines = await azure.lines(CALLS)

    assert {_call(line).correlation_id for line in lines} == {"c-0001"}


async def test_storage_that_is_gone_holds_up_no_end(caplog: pytest.LogCaptureFixture) -> None:
    """The emulator may have died first: then what is left is dropped, and said to be."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    gone = f"DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;BlobEndpoint=http://127.0.0.1:{port}/a"
    async with BlobServiceClient.from_connection_string(gone) as storage:
        exports = SimulatedExports(storage, SIMULATED_RESOURCE, clock=SystemClock(), chance=random.Random(1))
        begun_at = time.monotonic()
        async with exports.running(close_seconds=0.2):
            exports.keys_listed()
        seconds = time.monotonic() - begun_at

    assert seconds < 5
    assert caplog.messages == ["exports.dropped"]


def _call(line: bytes) -> ServiceCall:
    entry = parse_line(line)
    assert isinstance(entry, ServiceCall)
    assert entry.extra is None
    return entry


def _event(line: bytes) -> AuditEvent:
    entry = parse_line(line)
    assert isinstance(entry, AuditEvent)
    return entry


async def _is_cut(azure: Exporting) -> bool:
    contents = [await azure.content(blob) for blob in azure.exports.blobs]
    return any(not content.endswith(b"\n") for content in contents)
