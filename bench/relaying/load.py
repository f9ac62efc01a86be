"""
The load generator: connections that call, read the answer, and call again, until so many calls are done.

In a process of its own, raw on uvloop, so that what it costs is not what is measured.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, cast
from urllib.parse import urlsplit

import httptools
import msgspec
import uvloop

from local.errors import ChildFailed

# Not from local.stack: this starts once for every burst, and all of the app would be imported with it.
_REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is to be sent: `calls` on so many connections at a time, with each key in turn."""

    url: str
    keys: Sequence[str]
    calls: int
    connections: int
    streamed: bool = False
    pace_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """What came back. Times are those a caller sees; `body_bytes` are of all answers together."""

    calls: int
    seconds: float
    cpu_seconds: float
    median_ms: float
    first_chunk_ms: float
    body_bytes: int

    @property
    def rps(self) -> float:
        """Calls a second."""
        return self.calls / self.seconds


def run_load(load: Load, *, timeout_seconds: float = 300.0) -> LoadResult:
    """
    Send a load and return once all of it is answered.

    Raises:
        ChildFailed: a call was not answered with 200, or the time is over.
    """
    command = [sys.executable, "-m", __name__, msgspec.json.encode(load).decode()]
    try:
        done = subprocess.run(command, cwd=_REPOSITORY, capture_output=True, timeout=timeout_seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise ChildFailed(f"the load generator had no answers within {timeout_seconds:g} s") from error
    if done.returncode:
        raise ChildFailed(f"the load generator failed: {done.stderr.decode(errors='replace')[-500:]}")
    return msgspec.json.decode(done.stdout, type=LoadResult)


def main() -> None:
    """Send the load that the argument describes, and print its result."""
    load = msgspec.json.decode(sys.argv[1], type=Load)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(_send(load))
    print(msgspec.json.encode(result).decode())


async def _send(load: Load) -> LoadResult:
    tally = _Tally()
    requests = _requests(load)
    begun, cpu_before = time.perf_counter(), time.process_time()
    callers = [await _connected(load.url, requests, tally) for _ in range(load.connections)]
    await asyncio.gather(*(caller.done for caller in callers))
    return LoadResult(
        calls=len(tally.call_seconds),
        seconds=time.perf_counter() - begun,
        cpu_seconds=time.process_time() - cpu_before,
        median_ms=median(tally.call_seconds) * 1000,
        first_chunk_ms=median(tally.first_chunk_seconds) * 1000,
        body_bytes=tally.body_bytes,
    )


async def _connected(url: str, requests: Iterator[bytes], tally: _Tally) -> _Caller:
    host, port = urlsplit(url).hostname or "", urlsplit(url).port or 80
    _, caller = await asyncio.get_running_loop().create_connection(lambda: _Caller(requests, tally), host, port)
    return caller


def _requests(load: Load) -> Iterator[bytes]:
    """Yield each call's bytes. One iterator for all connections: that is how they share the calls."""
    made = [_request(load, key) for key in load.keys]
    for number in range(load.calls):
        yield made[number % len(made)]


def _request(load: Load, key: str) -> bytes:
    messages = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Say so, often."}]
    body: dict[str, Any] = {"messages": messages, "max_tokens": 100, "temperature": 0}
    if load.streamed:
        body["stream"] = True
    encoded = json.dumps(body, separators=(",", ":")).encode()
    path = f"/openai/deployments/mock-{load.pace_ms}ms/chat/completions?api-version=2025-01-01-preview"
    # As the OpenAI SDK for Python sends it, but for half of its x-stainless headers.
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {urlsplit(load.url).netloc}\r\nAccept-Encoding: gzip, deflate\r\n"
        "Connection: keep-alive\r\nAccept: application/json\r\nContent-Type: application/json\r\n"
        "User-Agent: AzureOpenAI/Python 3.54.0\r\nX-Stainless-Lang: python\r\nX-Stainless-OS: Linux\r\n"
        f"X-Stainless-Async: false\r\napi-key: {key}\r\nContent-Length: {len(encoded)}\r\n\r\n"
    )
    return head.encode() + encoded


@dataclass(slots=True)
class _Tally:
    call_seconds: list[float] = field(default_factory=list)
    first_chunk_seconds: list[float] = field(default_factory=list)
    body_bytes: int = 0


class _Caller(asyncio.Protocol):
    """One connection. The `on_` names are httptools'."""

    def __init__(self, requests: Iterator[bytes], tally: _Tally) -> None:
        self._requests = requests
        self._tally = tally
        self._has_begun = False
        self._called_at = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's are transports, though no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._call()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("a connection was closed with a call under way"))

    def on_body(self, body: bytes) -> None:
        if not self._has_begun:
            self._has_begun = True
            self._tally.first_chunk_seconds.append(time.perf_counter() - self._called_at)
        self._tally.body_bytes += len(body)

    def on_message_complete(self) -> None:
        self._tally.call_seconds.append(time.perf_counter() - self._called_at)
        if (status := self._parser.get_status_code()) != 200:
            self._end(ConnectionError(f"a call was answered with {status}"))
        else:
            self._call()

    def _call(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._end(None)
            return
        self._parser = httptools.HttpResponseParser(self)
        self._has_begun = False
        self._called_at = time.perf_counter()
        self._transport.write(request)

    def _end(self, error: Exception | None) -> None:
        if error:
            self.done.set_exception(error)
        else:
            self.done.set_result(None)
        self._transport.close()


if __name__ == "__main__":
    main()
