"""Storage that is down is found down once, not by every call."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import pytest

from shared.domain.errors import StorageNotAuthorized, StorageRejected, StorageUnavailable
from shared.usecases.guarded_ledger import PAUSE_SECONDS, GuardedLedger
from shared.web.errors import HTTP_ERRORS
from tests.adapters.records import open_call, record
from tests.fakes import FakeClock, FakeUsageLedger


class Trouble(FakeUsageLedger):
    """A ledger that counts who tries."""

    def __init__(self) -> None:
        super().__init__()
        self.tries = 0

    async def begin(self, call: object) -> None:
        self.tries += 1
        await super().begin(call)  # type: ignore[arg-type]


@pytest.fixture
def stored() -> Trouble:
    return Trouble()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ledger(stored: Trouble, clock: FakeClock) -> GuardedLedger:
    return GuardedLedger(stored, clock)


async def refused(ledger: GuardedLedger) -> None:
    with pytest.raises(StorageUnavailable):
        await ledger.begin(open_call())


@pytest.mark.parametrize("failure", [StorageUnavailable("down"), StorageNotAuthorized("no role")])
async def test_after_a_failure_calls_fail_at_once_but_for_one_now_and_then(
    failure: StorageUnavailable, ledger: GuardedLedger, stored: Trouble, clock: FakeClock
) -> None:
    """Each would wait its whole patience to hear the same."""
    stored.begin_failure = failure
    for _ in range(10):
        await refused(ledger)
    assert stored.tries == 1

    clock.advance(PAUSE_SECONDS)
    for _ in range(10):
        await refused(ledger)

    assert stored.tries == 2


async def test_one_success_lets_all_through_again(ledger: GuardedLedger, stored: Trouble, clock: FakeClock) -> None:
    """Nobody is refused by a storage that is there."""
    stored.begin_failure = StorageUnavailable("down")
    await refused(ledger)
    stored.begin_failure = None
    await refused(ledger)
    clock.advance(PAUSE_SECONDS)
    for number in range(3):
        await ledger.begin(open_call(f"c{number}"))

    assert len(stored.open) == 3


async def test_begins_and_ends_know_of_each_other(ledger: GuardedLedger, stored: Trouble) -> None:
    """It is one storage account."""
    stored.end_failure = StorageUnavailable("down")
    with pytest.raises(StorageUnavailable):
        await ledger.end(record())
    await refused(ledger)

    assert stored.tries == 0


async def test_a_row_that_is_refused_is_no_sign_of_trouble(ledger: GuardedLedger, stored: Trouble) -> None:
    """One bad row must not stop the others."""
    stored.begin_failure = StorageRejected("too long")
    with pytest.raises(StorageRejected):
        await ledger.begin(open_call("c1"))
    stored.begin_failure = None
    await ledger.begin(open_call("c2"))

    assert list(stored.open) == ["c2"]


async def test_the_operator_hears_of_it_once(
    ledger: GuardedLedger, stored: Trouble, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """When it begins and when it is over, not with every call."""
    stored.begin_failure = StorageUnavailable("503 ServerBusy")
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            await refused(ledger)
            clock.advance(PAUSE_SECONDS)
        stored.begin_failure = None
        await ledger.begin(open_call())

    assert [each.message for each in caplog.records] == ["storage.down", "storage.back"]
    assert caplog.records[0].__dict__["reason"] == "503 ServerBusy"


@pytest.mark.parametrize("write", [GuardedLedger.end, GuardedLedger.abandon])
async def test_every_write_goes_through_when_all_is_well(
    write: Callable[..., Awaitable[None]], ledger: GuardedLedger, stored: Trouble
) -> None:
    """It only looks on."""
    await write(ledger, record())

    assert stored.records == {"c1": record()}


def test_callers_are_told_to_wait_until_somebody_tries() -> None:
    """Earlier they would be refused again."""
    assert HTTP_ERRORS[StorageUnavailable].retry_after == PAUSE_SECONDS
    assert HTTP_ERRORS[StorageNotAuthorized].retry_after == PAUSE_SECONDS


async def test_a_withdrawal_goes_through_and_is_guarded_as_the_rest(ledger: GuardedLedger, stored: Trouble) -> None:
    """Who reconciles must not wait for storage that is down, either."""
    await stored.end(record())
    await ledger.withdraw(record())
    gone = dict(stored.records)
    stored.end_failure = StorageUnavailable("down")
    with pytest.raises(StorageUnavailable, match="down"):
        await ledger.withdraw(record())
    with pytest.raises(StorageUnavailable, match="a moment ago"):
        await ledger.withdraw(record())

    assert gone == {}
