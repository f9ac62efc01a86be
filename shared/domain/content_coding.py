"""Reads a compressed answer for the watcher; the caller gets it as it came."""

from __future__ import annotations

import zlib
from typing import Protocol


class Decoder(Protocol):
    """Turns the bytes of the wire into the bytes of the content."""

    def decode(self, chunk: bytes) -> bytes:
        """Return the content that `chunk` completes; b"" once nothing more can be made of it."""
        ...


class IdentityDecoder:
    """For an answer that is not compressed, as we ask for."""

    def decode(self, chunk: bytes) -> bytes:
        return chunk


class ZlibDecoder:
    """For gzip and deflate."""

    # The most that one chunk may unfold to. Beyond it the answer is passed on unwatched:
    # a few kilobytes must not fill the memory of the worker.
    LIMIT = 16 * 1024 * 1024

    def __init__(self) -> None:
        # 32 added to the window bits: take either header.
        self._inflate: zlib._Decompress | None = zlib.decompressobj(zlib.MAX_WBITS | 32)

    def decode(self, chunk: bytes) -> bytes:
        if self._inflate is None:
            return b""
        try:
            content = self._inflate.decompress(chunk, self.LIMIT)
        except zlib.error:
            self._inflate = None
            return b""
        # What follows the end is not content, and the decompressor would keep all of it.
        if self._inflate.unconsumed_tail or self._inflate.eof:
            self._inflate = None
        return content


class UnreadableDecoder:
    """For a coding we do not know: nothing is seen."""

    def decode(self, chunk: bytes) -> bytes:  # noqa: ARG002 - a Decoder
        return b""


def decoder_for(content_encoding: str | None) -> Decoder:
    """Return the decoder for a Content-Encoding header."""
    coding = (content_encoding or "identity").strip().lower()
    if coding == "identity":
        return IdentityDecoder()
    if coding in {"gzip", "x-gzip", "deflate"}:
        return ZlibDecoder()
    return UnreadableDecoder()
