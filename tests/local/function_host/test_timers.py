"""Timer triggers, on a clock of ours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from starlette.types import Receive, Scope, Send

from local.function_host.timers import run_timer
from local.function_host.triggers import Function, TimerTrigger
from local.function_host.worker import Tick, TriggerBlob
from local.ncrontab import parse_schedule

_NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


class _Worker:
    """Keeps the ticks, and says what happens in each."""

    def __init__(self, in_tick: Callable[[int], None]) -> None:
        self.ticks: list[Tick] = []
        self._in_tick = in_tick

    async def load(self, app_dir: Path) -> list[Function]:
        return []

    async def serve(self, function: str, parameter: str, scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("no request is made")

    async def run_blob(self, function: str, parameter: str, blob: TriggerBlob) -> None:
        raise AssertionError("no blob is there")

    async def run_timer(self, function: str, parameter: str, tick: Tick) -> None:
        self.ticks.append(tick)
        self._in_tick(len(self.ticks))


async def test_of_the_times_missed_the_last_is_made_up_for_and_called_past_due() -> None:
    """A machine that slept an hour must not run an hour of ticks at once, nor lose them all."""
    stopping = asyncio.Event()
    clock = [_NOON]

    def in_tick(count: int) -> None:
        if count == 1:
            clock[0] += timedelta(minutes=10, seconds=30)
        else:
            stopping.set()

    worker = _Worker(in_tick)
    trigger = TimerTrigger(function="f", parameter="t", schedule=parse_schedule("0 * * * * *"), run_on_startup=True)
    await asyncio.wait_for(run_timer(worker, trigger, stopping, lambda: clock[0]), 10)

    assert [tick.past_due for tick in worker.ticks] == [False, True]
    assert worker.ticks[1].last == _NOON
    assert worker.ticks[1].next == _NOON + timedelta(minutes=11)


async def test_it_stops_while_it_waits() -> None:
    """A host that ends must not wait for a timer that is due at New Year."""
    stopping = asyncio.Event()
    worker = _Worker(lambda _: None)
    trigger = TimerTrigger(function="f", parameter="t", schedule=parse_schedule("0 0 0 1 1 *"), run_on_startup=False)
    running = asyncio.create_task(run_timer(worker, trigger, stopping, lambda: _NOON))
    await asyncio.sleep(0)
    stopping.set()
    await asyncio.wait_for(running, 5)

    assert worker.ticks == []
