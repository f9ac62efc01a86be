"""Timer triggers: one task each, so a timer never overlaps with itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from local.function_host.triggers import TimerTrigger
from local.function_host.worker import Tick, Worker

logger = logging.getLogger(__name__)

# The clock may jump (a laptop that slept), so look again before long.
_LONGEST_SLEEP = 30.0

# Later than this, a timer is past due: it was missed, not merely waited for.
_LATE = timedelta(seconds=1)


async def run_timer(
    worker: Worker, trigger: TimerTrigger, stopping: asyncio.Event, now: Callable[[], datetime] | None = None
) -> None:
    """
    Run a timer's function whenever it is due, until `stopping` is set.

    Of the times missed while it ran, or while the machine slept, it makes up for the last one.
    """
    now = now or _utc_now
    last: datetime | None = None
    due = now() if trigger.run_on_startup else trigger.schedule.next_after(now())
    while await _reached(due, stopping, now):
        following = trigger.schedule.next_after(due)
        while following <= now():
            due, following = following, trigger.schedule.next_after(following)
        await _run_once(worker, trigger, Tick(last=last, next=following, past_due=now() - due > _LATE))
        last, due = due, following


async def _reached(due: datetime, stopping: asyncio.Event, now: Callable[[], datetime]) -> bool:
    """Sleep until `due`; return False as soon as we are stopping."""
    while not stopping.is_set():
        left = (due - now()).total_seconds()
        if left <= 0:
            return True
        try:
            await asyncio.wait_for(stopping.wait(), min(left, _LONGEST_SLEEP))
        except TimeoutError:
            continue
    return False


async def _run_once(worker: Worker, trigger: TimerTrigger, tick: Tick) -> None:
    try:
        await worker.run_timer(trigger.function, trigger.parameter, tick)
    except Exception:  # a timer that failed is due again next time
        logger.exception("function.failed", extra={"function": trigger.function})


def _utc_now() -> datetime:
    return datetime.now(UTC)
