"""Two lines of one call become one row, in whatever order they come and however often."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.logs.entries import ServiceCall
from shared.domain.logs.line_reading import parse_line
from shared.domain.logs.merging import richer_of
from tests.data.logs import log_lines
from tests.domain.logs.test_audit import LISTED
from tests.domain.logs.test_service_call import call

POOR, RICH = (call(line) for line in log_lines("requestresponse_pair.jsonl"))

times = st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 2), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
texts = st.none() | st.sampled_from(["a", "b", "c"])
counts = st.none() | st.integers(0, 3)
calls = st.builds(
    ServiceCall,
    resource_id=st.just("/account"),
    correlation_id=st.just("id"),
    logged_at=times,
    requested_at=st.none() | times,
    status=counts,
    streamed=st.none() | st.booleans(),
    deployment=texts,
    object_id=texts,
    prompt_tokens=counts,
    extra=texts,
)


def test_what_only_one_line_says_is_kept() -> None:
    """Of the two lines that a call has since 2026, one says hardly more than that there was a call."""
    assert richer_of(POOR, RICH) == richer_of(RICH, POOR) == RICH


@given(calls, calls, calls)
def test_order_and_repetition_change_nothing(one: ServiceCall, two: ServiceCall, three: ServiceCall) -> None:
    """A reader that died reads lines again, and two read at once: the row must not depend on who came last."""
    merged = {richer_of(richer_of(first, second), third) for first, second, third in permutations([one, two, three])}

    assert len(merged) == 1
    assert richer_of(merged.copy().pop(), two) == merged.pop()


@given(calls, calls)
def test_nothing_that_was_known_is_lost(one: ServiceCall, other: ServiceCall) -> None:
    """A count that gives way to nothing would be a call without tokens."""
    merged = richer_of(one, other)

    for name in one.__struct_fields__:
        known = [value for value in (getattr(one, name), getattr(other, name)) if value is not None]
        assert getattr(merged, name) in known or (not known and getattr(merged, name) is None)


def test_entries_of_every_kind_can_be_merged() -> None:
    """A line that is read twice, of whatever category, is one row."""
    point, other = parse_line(log_lines("metrics.jsonl")[0]), parse_line(log_lines("other.jsonl")[0])

    for entry in (POOR, LISTED, point, other):
        assert richer_of(entry, entry) == entry
