"""Windows, Findings and LoggedCalls: what the fakes and the tables both do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from local.azurite import Azurite
from shared.adapters.system_clock import SystemClock
from shared.adapters.table_authorization import TableEndpoint
from shared.adapters.table_findings import TABLE as FINDINGS
from shared.adapters.table_findings import TableFindings
from shared.adapters.table_log_store import TableLogStore
from shared.adapters.table_logged_calls import TableLoggedCalls
from shared.adapters.table_service import StorageSettings, table_service
from shared.adapters.table_transactions import TableTransactions
from shared.adapters.table_windows import TABLE as WINDOWS
from shared.adapters.table_windows import TableWindows
from shared.domain.findings.evidence import evidence
from shared.domain.findings.finding import Finding, FindingKind, Part, Severity, Subject, with_part
from shared.domain.logs.entries import AuditKind, CallUsage
from shared.domain.logs.keys import AUDIT_EVENTS_TABLE, METRICS_TABLE, SERVICE_CALLS_TABLE
from shared.domain.reconciliation.calls import AzureCall
from shared.domain.reconciliation.totals import HourTotals
from shared.domain.reconciliation.windows import HOUR, Window, WindowState
from shared.ports.logs import LogStore
from shared.ports.reconciliation import Findings, LoggedCalls, Windows
from tests.fakes_reconciliation import FakeFindings, FakeLogs, FakeWindows
from tests.usecases.reconciling import NOW, RESOURCE, bypass_with_key, event, logged_call, logged_usage, minute

WINDOW = Window.of_hour(NOW)


@dataclass(frozen=True, slots=True)
class Store:
    """One of each port."""

    windows: Windows
    findings: Findings
    logged: LoggedCalls
    logs: LogStore


@pytest.fixture(params=["fakes", "azurite"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """Yield empty ports. On Azurite they have no tables yet, as in a new account."""
    if request.param == "fakes":
        logs = FakeLogs()
        yield Store(FakeWindows(), FakeFindings(), logs, logs)
        return
    azurite: Azurite = request.getfixturevalue("azurite")
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(
            table_service(StorageSettings(connection_string=azurite.connection_string))
        )
        for table in (WINDOWS, FINDINGS, SERVICE_CALLS_TABLE, AUDIT_EVENTS_TABLE, METRICS_TABLE):
            await service.delete_table(table)
        transactions = TableTransactions(
            TableEndpoint.of(service),
            await stack.enter_async_context(aiohttp.ClientSession()),
            create_table=service.create_table_if_not_exists,
            clock=SystemClock(),
            jitter=lambda: 0.5,
        )
        yield Store(
            TableWindows(service.get_table_client(WINDOWS)),
            TableFindings(service.get_table_client(FINDINGS)),
            TableLoggedCalls(service),
            TableLogStore(service, transactions),
        )


def totals(resource: str = RESOURCE, **changes: int) -> HourTotals:
    return HourTotals(resource=resource, hour=WINDOW.begins_at, reconciled_at=NOW, **changes)  # type: ignore[arg-type]


async def kept_totals(store: Store) -> list[HourTotals]:
    return [each async for page in store.windows.totals(NOW - HOUR, NOW + HOUR) for each in page]


async def test_a_window_that_nobody_looked_at_is_one_of_nothing_done(store: Store) -> None:
    """There is no table yet."""
    assert await store.windows.state(WINDOW) == WindowState(window=WINDOW)
    assert await store.windows.states(NOW - HOUR, NOW) == {}
    assert await store.windows.marks() == []
    assert await store.windows.names() == {}
    assert await kept_totals(store) == []


async def test_a_state_comes_back_as_it_was(store: Store) -> None:
    """With its runs, its times, and how late its lines were."""
    state = WindowState(window=WINDOW, due_at=NOW, settled=True, slow_arrival=timedelta(seconds=3)).claimed(NOW)
    kept = await store.windows.put(replace(state, reconciled_at=NOW))
    assert kept

    assert await store.windows.state(WINDOW) == kept
    assert await store.windows.states(NOW, NOW + HOUR) == {WINDOW: kept}
    assert await store.windows.states(NOW + HOUR, NOW + 2 * HOUR) == {}


async def test_of_two_who_claim_a_window_one_is_told(store: Store) -> None:
    """Both have read the same."""
    before = await store.windows.state(WINDOW)
    first = await store.windows.put(before.claimed(NOW))
    second = await store.windows.put(before.claimed(NOW))
    assert first

    assert second is None
    assert await store.windows.put(first.claimed(NOW))
    assert await store.windows.put(first.claimed(NOW)) is None


async def test_what_an_hour_comes_to_replaces_what_it_came_to(store: Store) -> None:
    """A resource whose name is learnt loses the row under its host."""
    first = await store.windows.put(WindowState(window=WINDOW))
    assert first
    assert await store.windows.finish(first, [totals("host"), totals(matched=1)])
    again = await store.windows.state(WINDOW)
    assert await store.windows.finish(again, [totals(matched=2, our_prompt_tokens=2**40)])

    assert await kept_totals(store) == [totals(matched=2, our_prompt_tokens=2**40)]


async def test_who_finishes_what_another_has_claimed_since_keeps_nothing(store: Store) -> None:
    """What the later one finds counts."""
    first = await store.windows.put(WindowState(window=WINDOW))
    assert first
    await store.windows.put(first.claimed(NOW))

    assert not await store.windows.finish(first, [totals(matched=1)])
    assert await kept_totals(store) == []


async def test_more_resources_than_a_transaction_takes(store: Store) -> None:
    """A hundred rows are one; more are several, and the state is in the last."""
    first = await store.windows.put(WindowState(window=WINDOW))
    assert first
    many = [totals(f"{RESOURCE}{number:03}") for number in range(150)]
    assert await store.windows.finish(first, many)

    assert await kept_totals(store) == many
    assert (await store.windows.state(WINDOW)).version != first.version


async def test_a_mark_stays_until_who_saw_it_takes_it_away(store: Store) -> None:
    """Made again meanwhile, it is another."""
    await store.windows.mark([WINDOW, Window.of_day(NOW)])
    seen = {mark.window: mark for mark in await store.windows.marks()}
    await store.windows.mark([WINDOW])
    for mark in seen.values():
        await store.windows.unmark(mark)
        await store.windows.unmark(mark)

    assert [mark.window for mark in await store.windows.marks()] == [WINDOW]


async def test_a_name_is_learnt_once(store: Store) -> None:
    """Of two resources behind one host the first stays: the operator says otherwise, if it is."""
    await store.windows.learn("host", "/a")
    await store.windows.learn("host", "/b")

    assert await store.windows.names() == {"host": "/a"}


async def test_a_day_of_events_is_no_hour(store: Store) -> None:
    """They are kept beside each other."""
    await store.windows.put(WindowState(window=Window.of_day(NOW)))

    assert await store.windows.states(NOW - HOUR * 24, NOW + HOUR * 24) == {}


def finding(of: str = "x", **changes: object) -> Finding:
    subject = Subject(kind=FindingKind.BYPASS_WITH_KEY, day=NOW.date(), resource=RESOURCE, of=of, object_id="o")
    part = Part(
        occurrences=2**40,
        first_at=NOW,
        last_at=NOW + timedelta(microseconds=1),
        severity=Severity.HIGH,
        evidence=(evidence(at=NOW, text="=1+1", number=7),),
    )
    made = with_part(None, subject, "09", part, NOW)
    assert made
    return replace(made, **changes)  # type: ignore[arg-type]


async def test_a_finding_comes_back_as_it_was(store: Store) -> None:
    """With all its parts, and who accepted it."""
    kept = await store.findings.put(finding().accepted(by="me", reason="known", at=NOW))
    other = await store.findings.put(finding("y"))
    assert kept
    assert other

    assert await store.findings.get(kept.id) == kept
    assert sorted(each.id for each in await store.findings.of_day(NOW.date())) == sorted([kept.id, other.id])
    assert await store.findings.of_day(NOW.date() - timedelta(days=1)) == []
    assert await store.findings.get("20261123-nothing") is None


async def test_of_two_who_change_a_finding_one_is_told(store: Store) -> None:
    """Nobody's part is lost."""
    first = await store.findings.put(finding())
    assert first

    assert await store.findings.put(finding()) is None
    assert await store.findings.put(replace(first, opened=2))
    assert await store.findings.put(replace(first, opened=3)) is None


async def test_what_has_to_be_told_is_found(store: Store) -> None:
    """Whoever died before it told leaves it to the next."""
    told = await store.findings.put(finding("told", announcement=None))
    untold = await store.findings.put(finding("untold"))
    assert told
    assert untold

    assert await store.findings.unannounced(NOW.date()) == [untold]
    assert await store.findings.unannounced(NOW.date() + timedelta(days=1)) == []


async def test_findings_are_read_by_day(store: Store) -> None:
    """A query asks for some days."""
    kept = await store.findings.put(finding())
    day = NOW.date()
    one_later = day + timedelta(days=1)

    assert [each async for page in store.findings.between(day, one_later) for each in page] == [kept]
    assert [each async for page in store.findings.between(one_later, one_later) for each in page] == []


async def test_an_id_that_no_finding_can_have_is_nobodys(store: Store) -> None:
    """It comes from a URL."""
    assert await store.findings.get("x") is None
    assert await store.findings.get("") is None


async def test_an_hour_has_its_calls_and_what_was_logged_of_their_usage(store: Store) -> None:
    """Both stand in the partitions of the hour, of every resource."""
    other = bypass_with_key("b2", resource_id=RESOURCE.replace("contoso", "fabrikam"))
    await store.logs.put([logged_call(), logged_usage(), other, logged_call("a-c9", at=NOW + HOUR)])
    found = [each async for page in store.logged.of_hour(WINDOW.begins_at) for each in page]

    calls = [each.call for each in found if isinstance(each, AzureCall)]
    assert sorted(calls, key=lambda call: call.correlation_id) == [logged_call(), other]
    assert [each for each in found if isinstance(each, CallUsage)] == [logged_usage()]


async def test_a_call_says_when_its_line_arrived(store: Store) -> None:
    """By the service's clock, which dates every row."""
    await store.logs.put([logged_call()])
    (call,) = [each async for page in store.logged.of_hour(WINDOW.begins_at) for each in page]

    assert isinstance(call, AzureCall)
    assert call.arrived_at.tzinfo is UTC
    assert type(call.arrived_at) is datetime


async def test_what_is_left_over_of_a_line_is_not_read(store: Store) -> None:
    """It may be half a megabyte, for each of an hour's calls."""
    await store.logs.put([logged_call(extra='{"a":1}')])
    found = [each async for page in store.logged.of_hour(WINDOW.begins_at) for each in page]

    assert [each.call.extra for each in found if isinstance(each, AzureCall)] in ([None], ['{"a":1}'])


async def test_calls_and_usage_at_the_edges_of_other_hours(store: Store) -> None:
    """The margins are asked for by time."""
    await store.logs.put(
        [logged_call("a", at=NOW), logged_call("b", at=NOW + timedelta(minutes=10), requested_at=None)]
    )
    await store.logs.put([logged_usage("a", at=NOW), logged_usage("b", at=NOW + timedelta(minutes=10))])
    until = NOW + timedelta(minutes=5)
    calls = [each async for page in store.logged.begun_between(NOW, until) for each in page]
    usages = [each async for page in store.logged.usage_between(NOW, until) for each in page]

    assert [each.correlation_id for each in calls] == ["a"]
    assert [each.correlation_id for each in usages] == ["a"]


async def test_a_call_is_found_by_its_id(store: Store) -> None:
    """Of whatever resource, in an hour."""
    await store.logs.put([logged_call("a"), logged_usage("b")])

    assert await store.logged.find(WINDOW.begins_at, "a") == logged_call("a")
    assert await store.logged.find(WINDOW.begins_at, "b") is None
    assert await store.logged.find(WINDOW.begins_at + HOUR, "a") is None


async def test_events_are_read_by_kind_and_time(store: Store) -> None:
    """The subscription's log holds all that was done to anything."""
    other = event(AuditKind.OTHER, correlation_id="e9")
    early = event(at=NOW - timedelta(days=1), correlation_id="e2")
    await store.logs.put([event(), other, early])
    found = await store.logged.events(NOW - timedelta(days=2), NOW + HOUR, {AuditKind.KEYS_LISTED})
    later = await store.logged.events(NOW, NOW + HOUR, {AuditKind.KEYS_LISTED, AuditKind.OTHER})

    assert sorted(each.correlation_id or "" for each in found) == ["e1", "e2"]
    assert sorted(each.correlation_id or "" for each in later) == ["e1", "e9"]


async def test_the_minutes_of_a_metric_are_those_of_the_hour(store: Store) -> None:
    """And of no other metric."""
    points = [minute("GeneratedTokens", 5), minute("GeneratedTokens", 6, at=NOW + timedelta(minutes=1))]
    await store.logs.put([*points, minute("GeneratedTokens", 7, at=NOW + HOUR), minute("ProcessedPromptTokens", 8)])

    assert list(await store.logged.minutes(WINDOW.begins_at, "GeneratedTokens")) == points


async def test_two_who_finish_at_once_leave_one_result(store: Store) -> None:
    """A transaction is done wholly, or not at all."""
    claimed = await store.windows.put(WindowState(window=WINDOW))
    assert claimed
    results = await asyncio.gather(
        store.windows.finish(claimed, [totals(matched=1)]), store.windows.finish(claimed, [totals(matched=2)])
    )

    assert sorted(results) == [False, True]
    assert [each.matched for each in await kept_totals(store)] == [1 if results[0] else 2]
