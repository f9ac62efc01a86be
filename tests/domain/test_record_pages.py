"""The first of many records, in whatever order they come."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.record_pages import FirstRecords, Order, RecordFilter, RecordPlace
from shared.domain.usage_record import Outcome, UsageRecord
from tests.adapters.records import BEGUN_AT, record


def at(second: int, call_id: str, object_id: str = "alice") -> UsageRecord:
    return record(call_id, begun_at=BEGUN_AT + timedelta(seconds=second), object_id=object_id)


_records = st.lists(
    st.builds(at, st.integers(0, 5), st.sampled_from(["a", "b", "c"]), st.sampled_from(["alice", "bob"])), max_size=40
)


@given(_records, st.sampled_from(Order), st.integers(1, 6), st.none() | st.builds(at, st.integers(0, 5), st.just("b")))
def test_the_first_are_those_of_the_sorted_whole(
    records: list[UsageRecord], order: Order, count: int, after: UsageRecord | None
) -> None:
    """Kept is what a sort of everything would begin with, each record once."""
    place = RecordPlace.of(after) if after else None
    first = FirstRecords(count, order, place)
    for each in records:
        first.add([each])
    places = sorted({RecordPlace.of(each) for each in records}, reverse=order is Order.NEWEST)
    behind = [each for each in places if place is None or (each < place if order is Order.NEWEST else each > place)]

    assert [RecordPlace.of(each) for each in first.in_order()] == behind[:count]
    assert first.is_full == (len(behind) >= count)
    assert first.last() == (behind[count - 1] if len(behind) >= count else None)


def test_no_more_is_kept_than_twice_the_count() -> None:
    """A page costs memory by its size, not by that of the ledger."""
    first = FirstRecords(10, Order.NEWEST)
    for number in range(1000):
        first.add([at(number, f"c{number}")])

        assert len(first._kept) < 20


@pytest.mark.parametrize(
    ("only", "takes"),
    [
        (RecordFilter(), True),
        (RecordFilter(deployment="gpt-4o", model="gpt-4o-2024-11-20", outcome=Outcome.COMPLETED), True),
        (RecordFilter(operation="chat.completions"), True),
        (RecordFilter(operation="embeddings"), False),
        (RecordFilter(deployment=""), False),
        (RecordFilter(model="gpt-4o"), False),
        (RecordFilter(outcome=Outcome.ABANDONED), False),
    ],
)
def test_a_filter_takes_what_is_all_it_says(only: RecordFilter, takes: bool) -> None:
    """An empty text asks for those whose value is not known, which is not the same as any."""
    assert only.takes(at(0, "c1")) is takes
