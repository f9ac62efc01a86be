"""A call is never answered and unrecorded: in storage, or on disk, or it is not made."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field, replace

import pytest

from shared.domain.errors import StorageNotAuthorized, StorageRejected, StorageUnavailable
from shared.domain.usage_record import OpenCall, Origin, UsageRecord
from shared.usecases.record_calls import RecordCalls, WhenUnavailable
from tests.adapters.records import open_call, record
from tests.fakes import FakeSpool, FakeUsageLedger

DOWN = StorageUnavailable("down")
BOTH = pytest.mark.parametrize("when_unavailable", WhenUnavailable)


@dataclass
class Bench:
    """The use case on fakes."""

    when_unavailable: WhenUnavailable
    stored: FakeUsageLedger = field(default_factory=FakeUsageLedger)
    spool: FakeSpool = field(default_factory=FakeSpool)

    def __post_init__(self) -> None:
        self.ledger = RecordCalls(stored=self.stored, spool=self.spool, when_unavailable=self.when_unavailable)


@BOTH
async def test_the_spool_is_not_used_while_storage_is_there(when_unavailable: WhenUnavailable) -> None:
    """It would cost every call a write to disk."""
    bench = Bench(when_unavailable)
    bench.spool.failure = StorageUnavailable("used")
    await bench.ledger.begin(open_call())
    await bench.ledger.end(record())

    assert bench.stored.records == {"c1": record()}
    assert not bench.stored.open


@pytest.mark.parametrize("failure", [DOWN, StorageNotAuthorized("no role")])
async def test_a_call_is_refused_where_nothing_else_was_chosen(failure: StorageUnavailable) -> None:
    """And nothing is left of it."""
    bench = Bench(WhenUnavailable.REFUSE)
    bench.stored.begin_failure = failure
    with pytest.raises(StorageUnavailable):
        await bench.ledger.begin(open_call())

    assert not bench.spool.kept


@pytest.mark.parametrize("failure", [DOWN, StorageNotAuthorized("no role")])
async def test_a_call_that_is_let_through_is_on_disk_before_it_goes_on(failure: StorageUnavailable) -> None:
    """Kill the process now, and the next one finds it."""
    bench = Bench(WhenUnavailable.ALLOW)
    bench.stored.begin_failure = failure
    await bench.ledger.begin(open_call())

    assert bench.spool.kept == {"c1": open_call()}


@BOTH
async def test_an_end_that_storage_does_not_take_is_on_disk(when_unavailable: WhenUnavailable) -> None:
    """The call is paid for, whoever was let in."""
    bench = Bench(when_unavailable)
    await bench.ledger.begin(open_call())
    bench.stored.end_failure = DOWN
    await bench.ledger.end(record())

    assert bench.spool.kept == {"c1": record()}


async def test_the_end_of_a_call_takes_the_place_of_its_beginning() -> None:
    """One file, one row."""
    bench = Bench(WhenUnavailable.ALLOW)
    bench.stored.begin_failure = bench.stored.end_failure = DOWN
    await bench.ledger.begin(open_call())
    await bench.ledger.end(record())

    assert bench.spool.kept == {"c1": record()}


async def test_a_beginning_goes_when_storage_has_the_end() -> None:
    """Storage came back while the call ran."""
    bench = Bench(WhenUnavailable.ALLOW)
    bench.stored.begin_failure = DOWN
    await bench.ledger.begin(open_call())
    await bench.ledger.end(record())

    assert bench.stored.records == {"c1": record()}
    assert not bench.spool.kept


async def test_a_beginning_that_cannot_be_dropped_costs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The call is recorded: its caller hears nothing of it, the operator does."""
    bench = Bench(WhenUnavailable.ALLOW)
    bench.stored.begin_failure = DOWN
    await bench.ledger.begin(open_call())
    bench.spool.failure = StorageUnavailable("disk")
    with caplog.at_level(logging.WARNING):
        await bench.ledger.end(record())

    assert bench.stored.records == {"c1": record()}
    assert [each.message for each in caplog.records] == ["spool.not_dropped"]


async def test_where_the_disk_fails_too_the_call_is_refused() -> None:
    """What nobody can write down is not done."""
    bench = Bench(WhenUnavailable.ALLOW)
    bench.stored.begin_failure = DOWN
    bench.spool.failure = StorageUnavailable("the spool is full")
    with pytest.raises(StorageUnavailable, match="full"):
        await bench.ledger.begin(open_call())


@BOTH
async def test_an_end_that_neither_takes_is_told(when_unavailable: WhenUnavailable) -> None:
    """Whoever called logs it; what has begun is still open."""
    bench = Bench(when_unavailable)
    await bench.ledger.begin(open_call())
    bench.stored.end_failure = DOWN
    bench.spool.failure = StorageUnavailable("the spool is full")
    with pytest.raises(StorageUnavailable, match="full"):
        await bench.ledger.end(record())

    assert bench.stored.open == {"c1": open_call()}


@BOTH
async def test_a_call_whose_row_storage_refuses_is_not_made(when_unavailable: WhenUnavailable) -> None:
    """It would refuse its end, too: nothing is down, and waiting mends nothing."""
    bench = Bench(when_unavailable)
    bench.stored.begin_failure = StorageRejected("too long")
    with pytest.raises(StorageRejected):
        await bench.ledger.begin(open_call())

    assert not bench.spool.kept


@BOTH
async def test_an_end_that_storage_will_never_take_is_set_aside(
    when_unavailable: WhenUnavailable, caplog: pytest.LogCaptureFixture
) -> None:
    """Not tried again for ever, not thrown away, and not kept quiet."""
    bench = Bench(when_unavailable)
    bench.stored.end_failure = StorageRejected("too long")
    with pytest.raises(StorageRejected), caplog.at_level(logging.ERROR):
        await bench.ledger.end(record())

    assert (bench.spool.kept, bench.spool.rejected) == ({}, {"c1": record()})
    assert [(each.message, each.__dict__["call_id"]) for each in caplog.records] == [("usage.set_aside", "c1")]


@BOTH
async def test_an_end_that_cannot_even_be_set_aside_is_told_to_the_operator(
    when_unavailable: WhenUnavailable, caplog: pytest.LogCaptureFixture
) -> None:
    """The log is then all there is."""
    bench = Bench(when_unavailable)
    bench.stored.end_failure = StorageRejected("too long")
    bench.spool.failure = StorageUnavailable("disk")
    with pytest.raises(StorageRejected), caplog.at_level(logging.ERROR):
        await bench.ledger.end(record())

    assert [each.message for each in caplog.records] == ["usage.lost"]


async def test_a_caller_that_hangs_up_while_its_call_is_spooled_leaves_nothing() -> None:
    """It was never sent: after a crash it must not look like a call that was."""
    disk = SlowSpool()
    bench = Bench(WhenUnavailable.ALLOW, spool=disk)
    bench.stored.begin_failure = DOWN
    beginning = asyncio.create_task(bench.ledger.begin(open_call()))
    await disk.is_writing.wait()
    beginning.cancel()
    await asyncio.sleep(0)
    disk.may_go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await beginning
    await disk.writing

    assert not disk.kept


async def test_nothing_is_remembered_of_calls_that_are_over() -> None:
    """A worker lives for weeks, and through many troubles."""
    bench = Bench(WhenUnavailable.ALLOW)
    bench.stored.begin_failure = DOWN
    for failure in (None, DOWN):
        bench.stored.end_failure = failure
        await bench.ledger.begin(open_call())
        await bench.ledger.end(record())

    assert not bench.ledger._begun_in_spool


async def test_who_finds_a_call_abandoned_hears_when_storage_is_down() -> None:
    """It finds it again; the disk is for what nobody could find again."""
    bench = Bench(WhenUnavailable.ALLOW)
    bench.stored.end_failure = DOWN
    with pytest.raises(StorageUnavailable):
        await bench.ledger.abandon(record())

    assert not bench.spool.kept


async def test_a_withdrawal_is_not_spooled() -> None:
    """Who reconciles looks again, and withdraws it then."""
    bench = Bench(WhenUnavailable.ALLOW)
    await bench.stored.end(record("bypass-1"))
    await bench.ledger.withdraw(record("bypass-1"))
    bench.stored.end_failure = StorageUnavailable("down")
    with pytest.raises(StorageUnavailable):
        await bench.ledger.withdraw(record("bypass-2"))

    assert bench.stored.records == {}
    assert not bench.spool.kept


class SlowSpool(FakeSpool):
    """A spool whose disk takes its time, and like a thread goes on when nobody waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.is_writing = asyncio.Event()
        self.may_go_on = asyncio.Event()

    async def keep(self, entry: OpenCall | UsageRecord) -> None:
        self.writing = asyncio.create_task(self._write(entry))
        await asyncio.shield(self.writing)

    async def _write(self, entry: OpenCall | UsageRecord) -> None:
        self.is_writing.set()
        await self.may_go_on.wait()
        await super().keep(entry)


@BOTH
@pytest.mark.parametrize("failure", [DOWN, StorageRejected("odd")])
async def test_a_record_made_of_azures_logs_is_not_spooled(
    when_unavailable: WhenUnavailable, failure: StorageUnavailable | StorageRejected
) -> None:
    """It may be withdrawn before the spool is drained, and would count twice after that; who made it makes it again."""
    bench = Bench(when_unavailable)
    bench.stored.end_failure = failure
    with pytest.raises(type(failure)):
        await bench.ledger.end(replace(record(), origin=Origin.AZURE_LOGS))

    assert not bench.spool.kept
    assert not bench.spool.rejected
