"""A file of the spool says exactly what the row would have said, or that it cannot be read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.spool_file import FileUnreadable, decode_entry, encode_entry
from shared.adapters.usage_columns import open_call_entity, usage_entity
from shared.domain.usage_record import OpenCall, TokenUsage, UsageRecord, UsageSource
from tests.adapters.records import hostile_texts, open_call, open_calls, record, records

# A call reads and writes little, however long the names it gives itself.
MOST_BYTES = 16_384


@given(records() | open_calls())
def test_what_is_kept_is_what_comes_back(entry: OpenCall | UsageRecord) -> None:
    """Nothing of a call is lost on its way round storage."""
    assert decode_entry(encode_entry(entry)) == entry


@given(records(hostile_texts))
def test_the_row_of_a_spooled_end_is_the_row_it_would_have_been(entry: UsageRecord) -> None:
    """Whatever callers and Azure put into it: half a surrogate, a line end, more than fits."""
    kept = decode_entry(encode_entry(entry))

    assert isinstance(kept, UsageRecord)
    assert usage_entity(kept) == usage_entity(entry)


@given(open_calls(hostile_texts))
def test_the_row_of_a_spooled_beginning_is_the_row_it_would_have_been(entry: OpenCall) -> None:
    """The same for a call that never came to its end."""
    kept = decode_entry(encode_entry(entry))

    assert isinstance(kept, OpenCall)
    assert open_call_entity("w", kept) == open_call_entity("w", entry)


def test_no_label_makes_a_large_file() -> None:
    """A caller must not be able to fill the disk with one call."""
    labels = ["\U0001f600" * 10_000_000, "\x00" * 1_000_000]

    assert all(len(encode_entry(replace(open_call(), user_label=label))) < MOST_BYTES for label in labels)


def test_a_count_that_is_none_costs_no_record() -> None:
    """A number beyond 64 bits is not known; the rest of the record is."""
    usage = TokenUsage(prompt_tokens=2**80, completion_tokens=3, source=UsageSource.REPORTED)
    kept = decode_entry(encode_entry(replace(record(), usage=usage)))

    assert isinstance(kept, UsageRecord)
    assert (kept.usage.prompt_tokens, kept.usage.completion_tokens) == (None, 3)


def test_roles_and_times_come_back_as_they_were() -> None:
    """To the microsecond, which is part of the row's key."""
    begun_at = datetime(2026, 11, 23, 9, 1, 2, 1, tzinfo=UTC)
    principal = replace(open_call().principal, roles=frozenset({"a", "b"}))
    entry = replace(open_call(begun_at=begun_at), principal=principal)

    assert decode_entry(encode_entry(entry)) == entry


def damaged() -> list[bytes]:
    whole = encode_entry(record())
    no_principal = msgspec.json.decode(whole)
    no_principal["ended"]["call"]["principal"]["tenant_id"] = "../"
    other_outcome = msgspec.json.decode(whole)
    other_outcome["ended"]["outcome"] = "of_a_later_version"
    return [
        b"",
        b"{}",
        b"null",
        b"\xff",
        b"[" * 100_000,
        whole[:-1],
        whole[1:],
        msgspec.json.encode(no_principal),
        msgspec.json.encode(other_outcome),
    ]


@pytest.mark.parametrize("content", damaged(), ids=range(len(damaged())))
def test_a_file_that_cannot_be_read_says_so(content: bytes) -> None:
    """And holds up no other."""
    with pytest.raises(FileUnreadable):
        decode_entry(content)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_entry_or_unreadable(content: bytes) -> None:
    """Disks are damaged in any way."""
    with pytest.raises(FileUnreadable):
        decode_entry(content)


def test_what_a_later_version_adds_is_passed_over() -> None:
    """Two versions share a machine while one takes the other's place."""
    content = msgspec.json.decode(encode_entry(record()))
    content["ended"]["new"] = content["new"] = 1

    assert decode_entry(msgspec.json.encode(content)) == record()
