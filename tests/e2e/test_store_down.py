"""The whole stack while storage does not answer: calls go on where the operator chose so, and are recorded once."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import pytest

from local.azurite import running_azurite
from local.child import Child
from local.stack import app_settings, function_host, keep_key, ready_url, running_simulator
from shared.adapters.table_service import StorageSettings, open_tables
from shared.adapters.table_usage_records import TableUsageRecords
from shared.domain.usage_record import Outcome, UsageRecord
from tests.hosts import HOSTS

CHAT = "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
# What a call may wait for storage before it goes on, twice (bootstrap._PATIENCE), and then some.
LONGEST_SECONDS = 20.0


@dataclass
class Bench:
    """A stack whose storage can be paused and whose host can be killed."""

    host_module: str
    spool: Path
    when_unavailable: str
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        self._azurite = self._stack.enter_context(running_azurite())
        upstream_url = self._stack.enter_context(running_simulator())
        connection_string = self._azurite.connection_string
        self._settings = app_settings(connection_string, upstream_url)
        self._settings |= {"LEDGER_WHEN_UNAVAILABLE": self.when_unavailable, "SPOOL_DIR": str(self.spool)}
        self._headers = {"api-key": keep_key(connection_string, "dev")}
        self.start_host()
        # The app knows the key from now on, and its tables are there.
        assert self.call(0) == 200
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def start_host(self) -> None:
        self.host: Child = self._stack.enter_context(function_host(self._settings, host_module=self.host_module))
        self._url = ready_url(self.host)

    @contextmanager
    def storage_paused(self) -> Iterator[None]:
        """Stop the emulator's process: connections are taken, and nothing is ever said."""
        os.kill(self._azurite.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._azurite.process.pid, signal.SIGCONT)

    def call(self, number: int, *, simulate: str = "tokens=4") -> int:
        """Make a call, every other one a stream, and return its status once its answer has ended."""
        body: dict[str, Any] = {"messages": [{"role": "user", "content": "Hello"}], "user": f"call-{number}"}
        headers = self._headers | {"x-simulate": simulate}
        response = httpx.post(self._url + CHAT, json=body | {"stream": number % 2 == 1}, headers=headers, timeout=60)
        return response.status_code

    def rows(self) -> list[UsageRecord]:
        return asyncio.run(_rows(self._azurite.connection_string))

    def wait_for_rows(self, is_so: Callable[[list[UsageRecord]], bool]) -> list[UsageRecord]:
        deadline = time.monotonic() + 30
        while not is_so(rows := self.rows()):
            assert time.monotonic() < deadline, (len(rows), self.host.last_lines())
            time.sleep(0.2)
        return rows


async def _rows(connection_string: str) -> list[UsageRecord]:
    now = datetime.now(UTC)
    async with open_tables(StorageSettings(connection_string=connection_string)) as tables:
        pages = TableUsageRecords(tables).between(now - timedelta(days=1), now + timedelta(days=1))
        return [row async for page in pages for row in page]


def files(spool: Path) -> list[Path]:
    return [path for path in spool.rglob("*.json") if path.is_file()]


@pytest.mark.parametrize("host", HOSTS)
def test_calls_go_on_while_storage_does_not_answer_and_are_recorded_once(host: str, tmp_path: Path) -> None:
    """An hour of storage trouble is not an hour without a model, nor an hour without a bill."""
    with Bench(host, tmp_path / "spool", "allow") as bench, ThreadPoolExecutor(20) as callers:
        with bench.storage_paused():
            started = time.monotonic()
            statuses = list(callers.map(bench.call, range(1, 21)))
            seconds = time.monotonic() - started
            kept = len(files(bench.spool))
        rows = bench.wait_for_rows(lambda rows: len(rows) >= 21)
        time.sleep(1)

        assert statuses == [200] * 20
        assert seconds < LONGEST_SECONDS
        assert kept == 20
        assert Counter(row.call.user_label for row in bench.rows()) == {f"call-{number}": 1 for number in range(21)}
        assert {row.outcome for row in rows} == {Outcome.COMPLETED}
        assert all(row.usage.total_tokens for row in rows)


def test_what_a_killed_host_had_spooled_is_recorded_by_the_next(tmp_path: Path) -> None:
    """SIGKILL while storage is down: one call had been answered, one was under way, and both were paid for."""
    with Bench("local.function_host", tmp_path / "spool", "allow") as bench:
        with bench.storage_paused():
            assert bench.call(2) == 200
            under_way = threading.Thread(target=_until_cut, args=(bench,))
            under_way.start()
            _wait(lambda: len(files(bench.spool)) == 2)
            bench.host.stop(signal.SIGKILL)
            under_way.join()
        bench.start_host()
        assert bench.call(4) == 200
        bench.wait_for_rows(lambda rows: len(rows) >= 4)
        outcomes = {row.call.user_label: row.outcome for row in bench.rows()}

        assert outcomes == {
            "call-0": Outcome.COMPLETED,
            "call-2": Outcome.COMPLETED,
            "call-3": Outcome.ABANDONED,
            "call-4": Outcome.COMPLETED,
        }
        assert files(bench.spool) == []


def test_by_default_calls_are_refused_while_storage_does_not_answer(tmp_path: Path) -> None:
    """Nothing is sent, and it is told at once when the first has found out; afterwards all is as before."""
    with Bench("local.function_host", tmp_path / "spool", "refuse") as bench:
        with bench.storage_paused():
            assert bench.call(1) == 503
            started = time.monotonic()
            assert bench.call(2) == 503
            seconds = time.monotonic() - started
        _wait(lambda: bench.call(3) == 200)
        labels = Counter(row.call.user_label for row in bench.rows())

        assert seconds < 2
        assert labels == {"call-0": 1, "call-3": 1}


def _until_cut(bench: Bench) -> None:
    with pytest.raises(httpx.TransportError):
        bench.call(3, simulate="tokens=100,chunk_ms=1000")


def _wait(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)
