"""Two reconcilers at once, and one that dies at any step: what is left is what one alone would have left."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.domain.findings.finding import FindingState
from shared.domain.logs.entries import AuditKind, LogEntry
from shared.domain.reconciliation.totals import HourTotals
from shared.domain.reconciliation.windows import LONGEST_RUN, open_windows
from shared.domain.usage_record import UsageRecord
from shared.usecases import reconcile_usage
from tests.usecases.reconciling import (
    NOW,
    Proof,
    bypass_with_identity,
    bypass_with_key,
    cut_record,
    event,
    logged_call,
    logged_usage,
    our_record,
)

INTERLEAVINGS = 40

# One call on both sides, one by likeness, a line without a record and a record without a line, two that went round
# the gate (one with usage), counts that differ, keys listed: before and behind the full hour.
RECORDS = [
    our_record("c1"),
    cut_record("c2", at=NOW + timedelta(minutes=5)),
    our_record("c3", at=NOW + timedelta(minutes=30, milliseconds=-5)),
    our_record("c4", at=NOW + timedelta(minutes=3)),
    our_record("c5", at=NOW + timedelta(minutes=4)),
]
ENTRIES: list[LogEntry] = [
    logged_call("a-c1"),
    logged_usage("a-c1", prompt=13),
    logged_call("x2", at=NOW + timedelta(minutes=5)),
    logged_call("a-c3", at=NOW + timedelta(minutes=30)),
    logged_call("a-c5", at=NOW + timedelta(minutes=4)),
    bypass_with_key("b1"),
    logged_usage("b1"),
    bypass_with_identity("b2", at=NOW + timedelta(hours=1)),
    event(at=NOW - timedelta(hours=1)),
    event(AuditKind.KEY_REGENERATED, correlation_id="e2"),
]


@pytest.fixture(autouse=True)
def few_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the fifty hours that may change, look at those that have something in them."""
    monkeypatch.setattr(reconcile_usage, "open_windows", lambda now: open_windows(now)[:4])


class Crash(Exception):
    """The process is gone, wherever it was."""


class Steps:
    """Ports whose every call is a step: it lets others go first, and at one step it dies."""

    def __init__(self, chance: random.Random | None = None, dies_at: int | None = None) -> None:
        self.taken = 0
        self._chance = chance
        self._dies_at = dies_at

    def through(self, port: object) -> Any:
        """Return a port behind these steps."""
        return _Stepping(port, self)

    async def step(self) -> None:
        self.taken += 1
        if self.taken == self._dies_at:
            raise Crash
        for _ in range(self._chance.randrange(4) if self._chance else 0):
            await asyncio.sleep(0)


class _Stepping:
    def __init__(self, port: object, steps: Steps) -> None:
        self._port = port
        self._steps = steps

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._port, name)
        return self._pages(method) if name in _PAGED else self._one(method)

    def _one(self, method: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
        async def step(*args: Any, **named: Any) -> Any:
            await self._steps.step()
            result = await method(*args, **named)
            # Done, and nobody knows.
            await self._steps.step()
            return result

        return step

    def _pages(self, method: Callable[..., Any]) -> Callable[..., Any]:
        async def pages(*args: Any, **named: Any) -> Any:
            await self._steps.step()
            async for page in method(*args, **named):
                yield page
                await self._steps.step()

        return pages


_PAGED = {"of_hour", "begun_between", "usage_between", "between", "totals"}


def stepping(proof: Proof, steps: Steps) -> Callable[[], Awaitable[None]]:
    """Return a reconciler whose every step may be its last, or let others go first."""
    return proof.reconciler(
        windows=steps.through(proof.windows),
        findings=steps.through(proof.findings),
        logged=steps.through(proof.logs),
        ledger=steps.through(proof.ledger),
        records=steps.through(proof.records),
    )


End = tuple[list[tuple[str, int, list[dict[str, str | int]]]], list[HourTotals], dict[str, UsageRecord]]


async def end_of(proof: Proof) -> End:
    """Reconcile until nothing is left to do, and return what there is then."""
    for _ in range(3):
        await proof.reconcile_after(seconds=LONGEST_RUN.total_seconds() + 60)
    # By then no line is late any more, however long the others took.
    await proof.reconcile_after(hours=10)
    found = [
        # When a line arrived is another matter.
        (each.id, each.occurrences, [{**shown, "arrived_at": ""} for shown in each.evidence])
        for _, each in sorted(proof.findings.kept.items())
        if each.state is not FindingState.CLOSED
    ]
    hours = [replace(each, reconciled_at=None) for _, kept in sorted(proof.windows.hours.items()) for each in kept]
    return found, hours, dict(sorted(proof.fake_ledger.records.items()))


async def quiet() -> Proof:
    """Return a ledger whose hours have all been looked at, so that a run has little to do."""
    proof = Proof()
    await proof.reconcile_after(hours=2)
    return proof


async def filled() -> Proof:
    proof = await quiet()
    await proof.record(*RECORDS)
    await proof.log(*ENTRIES)
    proof.pass_time(minutes=2)
    return proof


async def undisturbed() -> End:
    return await end_of(await filled())


async def test_a_reconciler_that_dies_at_any_step_leaves_what_the_next_makes_whole() -> None:
    """Every storage step of a whole run, before it is done and after."""
    expected = await undisturbed()
    step = 0
    while True:
        step += 1
        proof = await filled()
        steps = Steps(dies_at=step)
        try:
            await stepping(proof, steps)()
        except Crash:
            assert await end_of(proof) == expected, step
        else:
            break

    assert expected[0]
    assert step > 100


@pytest.mark.parametrize("seed", range(INTERLEAVINGS))
async def test_two_at_once_come_to_what_one_would(seed: int) -> None:
    """Records and lines come in while both are at it, and either may die."""
    expected = await undisturbed()
    chance = random.Random(seed)
    proof = await quiet()
    arrivals: list[Awaitable[None]] = [
        *(proof.record(each) for each in RECORDS),
        *(proof.log(each) for each in ENTRIES),
    ]
    chance.shuffle(arrivals)

    async def run() -> None:
        dies_at = chance.randrange(1, 300) if chance.random() < 0.5 else None
        try:
            await stepping(proof, Steps(chance, dies_at))()
        except Crash:
            return

    async def arrive() -> None:
        for _ in range(min(len(arrivals), chance.randrange(1, 6))):
            await arrivals.pop()
            for _ in range(chance.randrange(30)):
                await asyncio.sleep(0)

    while arrivals:
        await asyncio.gather(run(), run(), arrive())
        proof.pass_time(seconds=chance.randrange(1, 90))

    assert await end_of(proof) == expected


class Stopping:
    """A ledger that stops before it writes until it is told to go on; then it writes, and may die of it."""

    def __init__(self, proof: Proof, *, dies: bool) -> None:
        self._proof = proof
        self._dies = dies
        self.is_there = asyncio.Event()
        self.go_on = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._proof.ledger, name)

    async def end(self, record: UsageRecord) -> None:
        self.is_there.set()
        await self.go_on.wait()
        await self._proof.fake_ledger.end(record)
        if self._dies:
            raise Crash


@pytest.mark.parametrize("dies", [True, False])
@pytest.mark.parametrize("age", [timedelta(0), timedelta(days=10)], ids=["of today", "long settled"])
@pytest.mark.parametrize("is_taken_for_gone", [True, False])
async def test_a_run_that_was_overtaken_spoils_nothing(*, dies: bool, age: timedelta, is_taken_for_gone: bool) -> None:
    """It took for a bypass what is ours by now, and writes that after another has found out."""
    proof = await quiet()
    at = NOW - age
    await proof.log(logged_call(at=at))
    proof.pass_time(minutes=2)
    ledger = Stopping(proof, dies=dies)
    slow = asyncio.create_task(proof.reconciler(ledger=ledger)())
    await ledger.is_there.wait()
    await proof.record(our_record(at=at))
    if is_taken_for_gone:
        proof.pass_time(seconds=LONGEST_RUN.total_seconds() + 1)
    await proof.reconcile()
    ledger.go_on.set()
    await asyncio.gather(slow, return_exceptions=True)
    spoilt = len(proof.bypass_records())
    for _ in range(3):
        await proof.reconcile_after(seconds=LONGEST_RUN.total_seconds() + 60)

    assert spoilt == 1
    if not (dies and is_taken_for_gone and age):
        # A worker that lives on after it was taken for gone, and dies then: nobody knows that it was there.
        assert proof.bypass_records() == []
        assert proof.found() == []
    assert all(not state.open_runs for state in proof.windows.kept.values())


class Ending:
    """A port after whose first read a call that was open ends: its record is there, and then it is no longer open."""

    ended = False

    def __init__(self, proof: Proof, port: Any) -> None:
        self._proof = proof
        self._port = port

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)

    async def pages(self) -> Any:
        async for page in self._port.pages():
            yield page
        await self._end()

    async def between(self, *args: Any, **named: Any) -> Any:
        async for page in self._port.between(*args, **named):
            yield page
        await self._end()

    async def _end(self) -> None:
        if not Ending.ended:
            Ending.ended = True
            await self._proof.fake_ledger.end(our_record())


async def test_a_call_that_ends_between_two_reads_is_seen_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Open when the open calls are read, or recorded when the records are: so those are read first."""
    monkeypatch.setattr(Ending, "ended", False)
    monkeypatch.setattr(reconcile_usage, "open_windows", lambda now: [])
    proof = Proof()
    await proof.ledger.begin(our_record().call)
    proof.open_calls.written["c1"] = ("worker-1", NOW)
    await proof.log(logged_call())
    proof.pass_time(minutes=2)
    records = Ending(proof, proof.records)
    proof.open_calls = Ending(proof, proof.open_calls)  # type: ignore[assignment]
    await proof.reconciler(records=records)()

    assert Ending.ended
    assert proof.findings.kept == {}
    assert proof.bypass_records() == []


async def test_lines_that_are_stored_while_their_hour_is_looked_at_have_it_looked_at_again() -> None:
    """The mark is made behind the rows: before them, this run would have taken it away and seen nothing."""
    proof = await quiet()
    put = proof.logs.put

    async def slow_put(entries: Any) -> Any:
        await proof.reconcile()
        return await put(entries)

    proof.logs.put = slow_put  # type: ignore[method-assign]
    await proof.log(bypass_with_key(at=NOW - timedelta(days=10)))
    await proof.reconcile_after(minutes=2)

    assert len(proof.bypass_records()) == 1
