"""The record of a call whose worker died."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.abandoned_call import abandoned, usage_by_size
from shared.domain.usage_record import NO_TOKENS, UNKNOWN_TOKENS, Outcome, TokenUsage, UsageSource
from tests.adapters.records import BEGUN_AT, open_call

CALL = open_call("c1")


def test_the_record_says_what_was_known_and_no_more() -> None:
    """Nobody saw an answer, so nothing is said of one."""
    record = abandoned(CALL, timedelta(seconds=61.5))

    assert (record.call, record.outcome) == (CALL, Outcome.ABANDONED)
    assert (record.ended_at, record.duration_ms) == (BEGUN_AT + timedelta(seconds=61.5), 61_500)
    assert (record.status, record.first_chunk_ms, record.finish_reason, record.error_code) == (None, None, None, None)


def test_a_prompt_is_estimated_by_its_size() -> None:
    """And says so: 310 bytes of chat are some 54 tokens. What came out nobody knows."""
    usage = usage_by_size(replace(CALL, request_bytes=310, text_only=True))

    assert usage == TokenUsage(prompt_tokens=54, source=UsageSource.ESTIMATED, method="request size")


@pytest.mark.parametrize("operation", ["chat.completions", "completions", "embeddings", "responses"])
@given(st.integers(0, 2**40))
def test_every_metered_prompt_has_an_estimate(operation: str, size: int) -> None:
    """At least one token, and never more than bytes."""
    usage = usage_by_size(replace(CALL, operation=operation, request_bytes=size, text_only=True))

    assert usage.source is UsageSource.ESTIMATED
    assert 1 <= (usage.prompt_tokens or 0) <= max(1, size)


@pytest.mark.parametrize(("size", "text_only"), [(None, True), (1_000_000, False)])
def test_a_prompt_whose_size_says_nothing_is_not_known(size: int | None, text_only: bool) -> None:
    """A megabyte of base64 is an image of a thousand tokens."""
    assert usage_by_size(replace(CALL, request_bytes=size, text_only=text_only)) == UNKNOWN_TOKENS


def test_an_operation_that_uses_no_tokens_used_none() -> None:
    """An upload is no prompt."""
    assert usage_by_size(replace(CALL, operation="files", request_bytes=1000)) == NO_TOKENS
