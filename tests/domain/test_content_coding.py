"""A compressed answer is read for the ledger, and cannot hurt the worker."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.content_coding import IdentityDecoder, UnreadableDecoder, ZlibDecoder, decoder_for
from tests.data import recorded

BODY = recorded("chat_completion.json")


@pytest.mark.parametrize("coded", [gzip.compress(BODY), zlib.compress(BODY)])
def test_a_coded_body_is_read_however_it_is_cut(coded: bytes) -> None:
    """A gateway that compresses unasked must not cost us the count."""
    for at in range(len(coded) + 1):
        decoder = ZlibDecoder()

        assert decoder.decode(coded[:at]) + decoder.decode(coded[at:]) == BODY

    decoder = ZlibDecoder()

    assert b"".join(decoder.decode(coded[i : i + 1]) for i in range(len(coded))) == BODY


def test_a_bomb_is_cut_off() -> None:
    """A few kilobytes must not fill the memory of the worker; what is beyond the limit goes unwatched."""
    decoder = ZlibDecoder()
    bomb = gzip.compress(bytes(2 * ZlibDecoder.LIMIT))

    assert len(decoder.decode(bomb)) <= ZlibDecoder.LIMIT
    assert decoder.decode(bomb) == b""


def test_what_follows_the_end_is_not_kept() -> None:
    """The decompressor would hold all of it, for as long as the caller sends."""
    decoder = ZlibDecoder()
    junk = bytes(1 << 16)

    assert decoder.decode(gzip.compress(BODY) + junk) == BODY
    tracemalloc.start()
    try:
        assert not any(decoder.decode(junk) for _ in range(64))
        assert tracemalloc.get_traced_memory()[1] < len(junk)
    finally:
        tracemalloc.stop()


@given(st.lists(st.binary()))
def test_garbage_is_never_an_error(chunks: list[bytes]) -> None:
    """A header that lies about the coding is upstream's fault, and not the caller's trouble."""
    decoder = ZlibDecoder()

    assert sum(len(decoder.decode(chunk)) for chunk in chunks) <= ZlibDecoder.LIMIT * len(chunks)


def test_garbage_in_the_middle_ends_the_reading() -> None:
    """After it nothing that comes can be trusted to be content."""
    decoder = ZlibDecoder()
    coded = gzip.compress(BODY)
    decoder.decode(coded[:40])

    assert decoder.decode(b"\xff" * 400) == b""
    assert decoder.decode(coded[40:]) == b""


@pytest.mark.parametrize(
    ("content_encoding", "decoder"),
    [
        (None, IdentityDecoder),
        ("", IdentityDecoder),
        ("identity", IdentityDecoder),
        (" Identity ", IdentityDecoder),
        ("gzip", ZlibDecoder),
        ("GZip", ZlibDecoder),
        ("x-gzip", ZlibDecoder),
        ("deflate", ZlibDecoder),
        ("br", UnreadableDecoder),
        ("zstd", UnreadableDecoder),
        ("gzip, gzip", UnreadableDecoder),
    ],
)
def test_the_header_names_the_decoder(content_encoding: str | None, decoder: type) -> None:
    """Content codings are compared in any case (RFC 9110, 8.4.1)."""
    assert type(decoder_for(content_encoding)) is decoder


def test_an_unknown_coding_shows_nothing() -> None:
    """Better no count than one read out of compressed bytes."""
    assert decoder_for("br").decode(BODY) == b""
