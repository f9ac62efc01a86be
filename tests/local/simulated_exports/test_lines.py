"""Every line says what it was told, as the product's own reader reads it, and nothing that it does not know."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.simulated_exports import Forms, Lateness, Resource, ServedCall, TokenCounts
from local.simulated_exports.request_response import request_response_lines
from local.simulated_exports.request_usage import request_usage_line
from local.simulated_exports.trace import trace_line
from local.simulated_exports.wire import masked
from shared.domain.logs.entries import CallUsage, OtherEntry, ServiceCall
from shared.domain.logs.line_reading import parse_line
from shared.domain.logs.merging import richer_of

RESOURCE = Resource(id="/subscriptions/s/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/a")

counts = st.builds(
    TokenCounts, prompt=st.integers(0, 10**9), cached=st.integers(0, 10**9), completion=st.integers(0, 10**9)
)
calls = st.builds(
    ServedCall,
    correlation_id=st.uuids(version=4).map(str),
    requested_at=st.integers(0, 10**14).map(lambda us: datetime(2023, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)),
    duration=st.integers(0, 600_000).map(lambda ms: timedelta(milliseconds=ms)),
    api_version=st.sampled_from([None, "2024-10-21"]),
    status=st.sampled_from([200, 201, 400, 401, 404, 429, 500, 503]),
    streamed=st.booleans(),
    deployment=st.one_of(st.none(), st.text(min_size=1, max_size=64)),
    model=st.sampled_from([None, "gpt-4o-2024-11-20", "whisper"]),
    object_id=st.sampled_from(["", "0b000000-0000-4000-8000-00000000000a"]),
    request_bytes=st.integers(0, 10**9),
    response_bytes=st.integers(0, 10**9),
    tokens=st.one_of(st.none(), counts),
)
forms = st.builds(Forms, two_rows=st.sampled_from([0.0, 1.0]), properties_as_object=st.sampled_from([0.0, 0.5, 1.0]))


@given(calls, forms, st.integers(0, 1000))
def test_the_lines_of_a_call_say_together_what_was_told(told: ServedCall, forms: Forms, seed: int) -> None:
    """In whichever order they are read; only the tokens stand in one of two lines alone."""
    lines = request_response_lines(told, RESOURCE, random.Random(seed), forms)
    read = [_call(line.data) for line in lines]
    call = reduce(richer_of, reversed(read))

    assert call == reduce(richer_of, read)
    assert len(lines) == 1 + forms.two_rows
    assert (call.correlation_id, call.requested_at) == (told.correlation_id, told.requested_at)
    assert (call.duration_ms, call.status) == (told.duration // timedelta(milliseconds=1), told.status)
    assert call.deployment == told.deployment
    assert call.object_id == (told.object_id or None)
    assert (call.request_bytes, call.response_bytes) == (
        told.request_bytes,
        0 if told.streamed else told.response_bytes,
    )
    known = told.tokens if forms.two_rows else None
    assert call.prompt_tokens == (known and known.prompt)
    assert call.completion_tokens == (known and known.completion)


@given(calls, counts, forms, st.integers(0, 1000))
def test_the_usage_of_a_call_has_its_id_and_its_tokens(
    told: ServedCall, tokens: TokenCounts, forms: Forms, seed: int
) -> None:
    """By the one it is joined to the call, by the other to our count."""
    usage = parse_line(request_usage_line(told, tokens, RESOURCE, random.Random(seed), forms).data)

    assert isinstance(usage, CallUsage)
    assert usage.correlation_id == told.correlation_id
    assert (usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens) == (
        tokens.prompt,
        tokens.cached,
        tokens.completion,
    )


@given(calls)
def test_a_trace_is_kept_as_what_nobody_understands(told: ServedCall) -> None:
    """Of the real ones nothing is known but that they come."""
    trace = parse_line(trace_line(told, RESOURCE).data)

    assert isinstance(trace, OtherEntry)
    assert (trace.category, trace.correlation_id) == ("Trace", told.correlation_id)


@pytest.mark.parametrize(
    ("address", "logged"),
    [("20.236.11.7", "20.236.11.*"), ("20.236.11.43", "20.236.11.**"), ("20.236.10.143", "20.236.10.***")],
)
def test_an_address_has_a_star_for_each_digit_of_its_end(address: str, logged: str) -> None:
    """So much of it is left that a network can be told, and no machine."""
    assert masked(address) == logged


def test_most_lines_come_soon_and_some_late_and_none_later_than_said() -> None:
    """A reader that waits too short a time for a line finds calls that are not missing at all."""
    chance = random.Random(5)
    draws = [Lateness.up_to(2).draw(chance).total_seconds() for _ in range(1000)]
    late = [seconds for seconds in draws if seconds >= 0.8]

    assert len(set(draws)) > 900
    assert 0.05 <= min(draws) < max(draws) <= 2
    assert 100 < len(late) < 200
    assert all(seconds <= 0.5 for seconds in draws if seconds not in late)


def _call(line: bytes) -> ServiceCall:
    entry = parse_line(line)
    assert isinstance(entry, ServiceCall)
    assert entry.extra is None
    return entry
