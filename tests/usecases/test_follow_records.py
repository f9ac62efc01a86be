"""Following the ledger: each call once, whenever and in whatever order it ended, at a bounded cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.errors import StorageUnavailable
from shared.domain.record_pages import PrincipalId, RecordFilter
from shared.domain.usage_record import Outcome, UsageRecord
from shared.ports.record_search import WrittenRecord
from shared.usecases.follow_records import FollowRecords
from tests.adapters.records import TENANT_ID, record
from tests.fakes import FakeClock
from tests.fakes_records import FakeRecordSearch

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
LONGEST = timedelta(minutes=30)


class Followed:
    """A follower, the ledger it follows, and its clock."""

    def __init__(self, *records: UsageRecord, now: datetime = NOW, **principal: str) -> None:
        self.clock = FakeClock(now)
        self.search = FakeRecordSearch(records)
        self.follow = FollowRecords(self.search, self.clock, longest_call=LONGEST, **principal)

    async def poll(self, seconds: float = 20, only: RecordFilter | None = None) -> list[str]:
        """Wait, and return the ids of what is new."""
        self.clock.advance(seconds)
        self.search.now += timedelta(seconds=seconds)
        return [each.call.call_id for each in await self.follow.poll(only or RecordFilter())]


def ended(call_id: str, *, begun: float, seconds: float = 1, object_id: str = "alice") -> UsageRecord:
    """Return a call that began some seconds from NOW and took so many."""
    begun_at = NOW + timedelta(seconds=begun)
    each = record(call_id, begun_at=begun_at, object_id=object_id)
    return replace(each, ended_at=begun_at + timedelta(seconds=seconds))


async def test_what_is_new_is_told_once_as_it_ended() -> None:
    """First what was there, by when it ended; then what has come."""
    followed = Followed(ended("long", begun=-300, seconds=290), ended("short", begun=-200))
    first = await followed.poll()
    followed.search.put(ended("next", begun=5))

    assert first == ["short", "long"]
    assert await followed.poll() == ["next"]
    assert await followed.poll() == []


async def test_a_call_that_began_before_others_and_ends_after_them_is_told() -> None:
    """Its row stands before theirs; whoever looked only behind the last row would miss it."""
    followed = Followed(ended("c5", begun=-5))
    await followed.poll()
    followed.search.put(ended("c1", begun=-1000, seconds=1000), ended("c0", begun=-1200, seconds=1201))

    assert await followed.poll() == ["c1", "c0"]


async def test_a_row_that_is_written_again_is_told_once() -> None:
    """A second count is added, or a paused worker comes back after its call was swept."""
    first = ended("c1", begun=-5)
    followed = Followed(replace(first, outcome=Outcome.ABANDONED))
    told = [await followed.poll()]
    for _ in range(3):
        followed.search.put(first)
        told.append(await followed.poll())

    assert told == [["c1"], [], [], []]


async def test_whoever_is_new_is_seen_though_storage_has_written_since() -> None:
    """Who has records is asked now and then; by then others' rows are newer than theirs."""
    followed = Followed(ended("a1", begun=-5))
    await followed.poll()
    followed.search.put(ended("b1", begun=0, object_id="bob"))
    told = []
    for number in range(12):
        followed.search.put(ended(f"a{number + 2}", begun=number * 5))
        told += await followed.poll(5)

    assert "b1" in told
    assert len(told) == len(set(told)) == 13


async def test_midnight_is_no_end() -> None:
    """Calls of both days, and of an instance whose clock is ahead."""
    midnight = datetime(2026, 11, 24, tzinfo=UTC)
    followed = Followed(now=midnight - timedelta(seconds=30))
    records = [record(f"c{number}", begun_at=midnight + timedelta(seconds=number)) for number in (-40, 5, 61)]
    followed.search.put(records[0])
    told = [await followed.poll(0)]
    followed.search.put(records[1])
    told.append(await followed.poll(20))
    followed.search.put(records[2])
    told.append(await followed.poll(50))

    assert told == [["c-40"], ["c5"], ["c61"]]


async def test_what_failed_is_told_the_next_time() -> None:
    """Storage hiccups; a call must not be lost to it."""
    followed = Followed()
    await followed.poll()
    followed.search.put(ended("c1", begun=1))
    followed.search.failure = StorageUnavailable("down")
    with pytest.raises(StorageUnavailable):
        await followed.poll()
    followed.search.failure = None

    assert await followed.poll() == ["c1"]


async def test_filters_and_one_principal_narrow_it() -> None:
    """One looks for what goes wrong, or for one's own."""
    refused = replace(ended("c1", begun=-5), outcome=Outcome.REFUSED_BY_AZURE)
    others = replace(ended("c3", begun=-4, object_id="bob"), outcome=Outcome.REFUSED_BY_AZURE)
    records, only = [refused, ended("c2", begun=-4), others], RecordFilter(outcome=Outcome.REFUSED_BY_AZURE)

    assert await Followed(*records).poll(only=only) == ["c1", "c3"]
    assert await Followed(*records, object_id="alice").poll(only=only) == ["c1"]
    assert await Followed(*records, tenant_id=TENANT_ID, object_id="bob").poll(only=only) == ["c3"]
    assert await Followed(*records, tenant_id="other", object_id="bob").poll(only=only) == []


async def test_a_poll_reads_the_calls_of_the_longest_and_no_more() -> None:
    """A day of a busy ledger, read every two seconds, would cost more than it is worth."""
    asked: list[tuple[datetime, datetime | None]] = []

    class Watched(FakeRecordSearch):
        async def written_since(
            self, principal: PrincipalId, begun_from: datetime, day: object, written_after: datetime | None
        ) -> Sequence[WrittenRecord]:
            asked.append((begun_from, written_after))
            return await super().written_since(principal, begun_from, day, written_after)  # type: ignore[arg-type]

    clock, search = FakeClock(NOW), Watched([ended(f"c{number}", begun=-60 * number) for number in range(100)])
    follow = FollowRecords(search, clock, longest_call=LONGEST)
    first = await follow.poll(RecordFilter())
    clock.advance(3600)
    await follow.poll(RecordFilter())

    assert len(first) == 31
    assert asked[0] == (NOW - LONGEST, None)
    assert asked[-1][0] == NOW + LONGEST
    assert asked[-1][1] is not None
    assert follow._told == {}
