"""All that is measured and all that it needs, each a process: upstream, tables, and an app three times over."""

from __future__ import annotations

import os
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from statistics import median

import msgspec

from bench.relaying.table_stand_in import CONTROL, Counts, connection_string
from local.child import Child, python_command
from local.stack import REPOSITORY, app_settings, ready_url

_HERE = Path(__file__).parent
_TIDY_SECONDS = 10.0
_LOOK_EVERY_SECONDS = 0.05
_TIMED_REQUESTS = 9


class Relay(StrEnum):
    """What is measured."""

    BARE = "bare relay"
    NULL = "our app, null ledger"
    LEDGER = "our app"


_APP_DIRS = {Relay.LEDGER: REPOSITORY, Relay.NULL: _HERE / "null_ledger", Relay.BARE: _HERE / "bare_relay"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A process that serves: where, and its id."""

    url: str
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """What runs."""

    upstream: Part
    tables: Part
    relays: Mapping[Relay, Part]

    def counts(self) -> Counts:
        """Return what the tables hold and were asked."""
        return self._control("GET", "")

    def delay_tables(self, delay_ms: int) -> None:
        """Have the tables answer that much later from now on."""
        self._control("POST", f"/{delay_ms}")

    def tables_answer_ms(self) -> float:
        """Return after how many milliseconds the tables answer: the median of a few requests."""
        return median(_timed_ms(self.counts) for _ in range(_TIMED_REQUESTS))

    def wait_until_tidy(self) -> Counts:
        """Return what the tables hold once no call is open, which is a second or so after the last has ended."""
        deadline = time.monotonic() + _TIDY_SECONDS
        while (counts := self.counts()).open_calls and time.monotonic() < deadline:
            time.sleep(_LOOK_EVERY_SECONDS)
        return counts

    def _control(self, method: str, path: str) -> Counts:
        request = urllib.request.Request(f"{self.tables.url}{CONTROL}{path}", method=method)
        with urllib.request.urlopen(request, timeout=10) as response:
            return msgspec.json.decode(response.read(), type=Counts)


@contextmanager
def running_rig() -> Iterator[Rig]:
    """
    Run it all on free ports until the context ends.

    Raises:
        ChildFailed
    """
    with ExitStack() as stack:
        upstream = _part(_start(stack, "the mock upstream", "bench.relaying.mock_upstream"))
        tables = _part(_start(stack, "the stand-in for tables", "bench.relaying.table_stand_in"))
        settings = app_settings(connection_string(tables.url), upstream.url)
        hosts = {relay: _start_host(stack, relay, settings) for relay in Relay}
        yield Rig(upstream=upstream, tables=tables, relays={relay: _part(host) for relay, host in hosts.items()})


def _start_host(stack: ExitStack, relay: Relay, settings: Mapping[str, str]) -> Child:
    return _start(
        stack, relay, "local.function_host", "--port", "0", "--app-dir", str(_APP_DIRS[relay]), settings=settings
    )


def _start(
    stack: ExitStack, name: str, module: str, *arguments: str, settings: Mapping[str, str] | None = None
) -> Child:
    environment = {**os.environ, **(settings or {})}
    return stack.enter_context(Child(name, python_command(module, *arguments), env=environment, cwd=REPOSITORY))


def _part(child: Child) -> Part:
    # The hosts call themselves localhost, which takes a look-up and may be another address.
    return Part(url=ready_url(child).replace("//localhost:", "//127.0.0.1:"), pid=child.pid)


def _timed_ms(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000
