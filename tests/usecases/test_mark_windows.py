"""What is stored late, or of late, has its hours looked at again, whoever dies in between."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.errors import StorageUnavailable
from shared.domain.reconciliation.windows import Window
from shared.domain.usage_record import Origin
from shared.usecases.mark_windows import LATE_AFTER, MarkLateRecords, MarkLoggedWindows
from tests.fakes import FakeClock, FakeUsageLedger
from tests.fakes_reconciliation import FakeLogs, FakeWindows
from tests.usecases.reconciling import NOW, logged_call, our_record

WINDOW = Window.of_hour(NOW)


async def test_lines_mark_their_hours_also_when_they_are_read_again() -> None:
    """Who died between the rows and the mark reads the same lines again, which are duplicates then."""
    windows = FakeWindows()
    store = MarkLoggedWindows(FakeLogs(), windows)
    windows.failure = StorageUnavailable("down")
    with pytest.raises(StorageUnavailable):
        await store.put([logged_call()])
    windows.failure = None
    await store.put([logged_call()])

    assert list(windows.marked) == [WINDOW]


@pytest.mark.parametrize("write", ["end", "abandon"])
async def test_a_record_of_a_while_ago_marks_its_hour(write: str) -> None:
    """From the spool, or by the sweeper."""
    windows, clock = FakeWindows(), FakeClock(NOW + LATE_AFTER)
    ledger = MarkLateRecords(FakeUsageLedger(), windows, clock)
    await getattr(ledger, write)(our_record("c1"))
    in_time = dict(windows.marked)
    clock.advance(1)
    await getattr(ledger, write)(our_record("c2"))

    assert in_time == {}
    assert list(windows.marked) == [WINDOW]


async def test_a_record_near_the_full_hour_marks_both() -> None:
    """Azure's side may stand in the other."""
    windows, clock = FakeWindows(), FakeClock(NOW + timedelta(days=3))
    await MarkLateRecords(FakeUsageLedger(), windows, clock).end(our_record(at=NOW.replace(minute=58)))

    assert sorted(window.place for window in windows.marked) == ["09", "10"]


async def test_a_mark_that_cannot_be_made_fails_the_write() -> None:
    """Else the spool would let go of the record, and nobody look at its hour."""
    windows, clock = FakeWindows(), FakeClock(NOW + timedelta(days=3))
    windows.failure = StorageUnavailable("down")
    ledger = FakeUsageLedger()

    with pytest.raises(StorageUnavailable):
        await MarkLateRecords(ledger, windows, clock).end(our_record())

    assert list(ledger.records) == ["c1"]


async def test_the_rest_goes_through() -> None:
    """Begun, and withdrawn."""
    windows, clock = FakeWindows(), FakeClock(NOW + timedelta(days=3))
    ledger = FakeUsageLedger()
    marking = MarkLateRecords(ledger, windows, clock)
    await marking.begin(our_record().call)
    begun = dict(ledger.open)
    await ledger.end(our_record())
    await marking.withdraw(our_record())

    assert list(begun) == ["c1"]
    assert ledger.records == {}
    assert windows.marked == {}


async def test_what_is_made_of_azures_logs_marks_nothing() -> None:
    """The reconciler would have itself look again at each hour that it has just looked at."""
    windows, clock = FakeWindows(), FakeClock(NOW + timedelta(days=3))
    ledger = FakeUsageLedger()
    await MarkLateRecords(ledger, windows, clock).end(replace(our_record(), origin=Origin.AZURE_LOGS))

    assert list(ledger.records) == ["c1"]
    assert windows.marked == {}
