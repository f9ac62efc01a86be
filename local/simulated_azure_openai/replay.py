"""Recorded calls: read from a corpus file, and answered byte for byte.

A corpus is JSON lines, packed with xz or not, one recorded call a line.
"""

from __future__ import annotations

import json
import lzma
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import cycle
from pathlib import Path
from typing import IO, Any

import msgspec

from local.simulated_azure_openai.answer import EVENT_STREAM, Answer
from local.simulated_azure_openai.azure_errors import simulator_misused
from local.simulated_azure_openai.headers import replayed_headers
from local.simulated_azure_openai.token_counts import counts_of

# Chunk sizes that cut lines, events and characters: none divides another.
_AWKWARD_SIZES = (1, 17, 256, 3, 1021, 5, 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """
    One recorded call. `response` holds the JSON of the answer, or `sse` the text of its stream.

    `usage` is what was billed, None where none was sent; `suspect` says why it may not be true.
    """

    id: str
    kind: str
    stream: bool
    request: Any
    response: Any = None
    sse: str | None = None
    usage: dict[str, Any] | None = None
    response_headers: dict[str, str] | None = None
    model: str | None = None
    deployment: str | None = None
    endpoint_path: str = ""
    is_azure: bool = False
    shape: tuple[str, ...] = ()
    suspect: tuple[str, ...] = ()
    source: str = ""
    license: str = ""
    path: str = ""


def load_records(path: Path) -> Iterator[Record]:
    """
    Yield the records of a corpus file, one at a time.

    Raises:
        OSError: the file cannot be read.
        msgspec.MsgspecError: a line is no record.
    """
    with _opened(path) as lines:
        for line in lines:
            yield _record(line)


def recorded_body(record: Record) -> bytes:
    """Return the body a replayed answer has."""
    if record.sse is not None:
        return record.sse.encode()
    return json.dumps(record.response, ensure_ascii=False, separators=(",", ":")).encode()


class Recordings:
    """
    A corpus to answer from: unpacked to disk when the first recording is asked for, so that
    memory holds only where each begins.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def answer(self, record_id: str) -> Answer:
        """
        Return a recording as an answer.

        Raises:
            AzureError: 400, there is none with this id.
        """
        record = self._find(record_id)
        body = recorded_body(record)
        headers = record.response_headers or {}
        recorded_type = {name.lower(): value for name, value in headers.items()}.get("content-type")
        streamed = record.sse is not None
        return Answer(
            chunks=tuple(_cut_awkwardly(body)) if streamed else (body,),
            content_type=recorded_type or (EVENT_STREAM if streamed else "application/json"),
            headers=replayed_headers(headers),
            streamed=streamed,
            tokens=counts_of(record.usage),
        )

    def close(self) -> None:
        if "_unpacked" in self.__dict__:
            self._unpacked[0].close()

    def _find(self, record_id: str) -> Record:
        if self._path is None:
            raise simulator_misused("x-replay-id needs a corpus to replay (--replay FILE)")
        file, places = self._unpacked
        if record_id not in places:
            raise simulator_misused(f"the corpus has no recording with the id '{record_id}'")
        file.seek(places[record_id])
        return _record(file.readline())

    @cached_property
    def _unpacked(self) -> tuple[IO[bytes], Mapping[str, int]]:
        assert self._path is not None
        file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with us
        places: dict[str, int] = {}
        with _opened(self._path) as lines:
            for line in lines:
                places[msgspec.json.decode(line, type=_Identified).id] = file.tell()
                file.write(line)
        return file, places


class _Identified(msgspec.Struct):
    id: str


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    with lzma.open(path) if path.suffix == ".xz" else path.open("rb") as lines:
        yield lines


def _record(line: bytes) -> Record:
    return msgspec.json.decode(line, type=Record)


def _cut_awkwardly(body: bytes) -> Iterator[bytes]:
    start = 0
    for size in cycle(_AWKWARD_SIZES):
        if start >= len(body):
            return
        yield body[start : start + size]
        start += size
