"""Reconcile usage: have each hour looked at that may have changed, and each day of control-plane events that has."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from shared.domain.errors import StorageError, StorageUnavailable
from shared.domain.logs.blob_name import LATENESS
from shared.domain.reconciliation.marks import Mark
from shared.domain.reconciliation.totals import HourTotals
from shared.domain.reconciliation.windows import HOUR, Window, WindowState, open_windows
from shared.ports.clock import Clock
from shared.ports.open_calls import OpenCalls
from shared.ports.reconciliation import Windows
from shared.usecases.keep_findings import MAX_TRIES
from shared.usecases.reconcile_hour import ReconcileHour
from shared.usecases.review_control_plane import ReviewControlPlane

logger = logging.getLogger(__name__)

# Far less than `LONGEST_RUN`, after which others take a run for gone.
_RUN_SECONDS = 300.0
# An app that was stopped for so long goes on where it was; after that only what is marked is looked at.
_LOOK_BACK = timedelta(days=7)
# Storage is down, it seems.
_MAX_FAILURES = 5
# No window is begun later; the next time goes on with the rest.
_BUDGET_SECONDS = 240.0


class ReconcileUsage:
    """
    Run it again and again, on as many instances as there are: each comes to the same.

    What is due is what was marked, and by a schedule that thins out with age the hours of the last two days.
    """

    def __init__(
        self,
        *,
        windows: Windows,
        open_calls: OpenCalls,
        reconcile_hour: ReconcileHour,
        review: ReviewControlPlane,
        clock: Clock,
    ) -> None:
        self._windows = windows
        self._open_calls = open_calls
        self._reconcile_hour = reconcile_hour
        self._review = review
        self._clock = clock

    async def __call__(self) -> None:
        """
        Look at what is due, as much as there is time for. A window that fails stops no other.

        Raises:
            StorageError: what is due cannot be read, or some window failed.
        """
        # By the service's clock, as the rows are dated: those of instances jump, and differ.
        now = (await self._open_calls.workers()).now
        marks = {mark.window: mark for mark in await self._windows.marks()}
        states = await self._windows.states(now - _LOOK_BACK, now + HOUR)
        failures = await self._run_all(_due(marks, states, now), marks, states, now)
        if failures:
            raise failures[0]

    async def _run_all(
        self, due: Sequence[Window], marks: Mapping[Window, Mark], states: Mapping[Window, WindowState], now: datetime
    ) -> list[Exception]:
        failures = list[Exception]()
        ends_at = self._clock.monotonic() + _BUDGET_SECONDS
        for number, window in enumerate(due):
            if self._clock.monotonic() >= ends_at or len(failures) == _MAX_FAILURES:
                logger.warning("reconcile.behind", extra={"windows": len(due) - number})
                break
            try:
                await self._run(window, marks.get(window), states, now)
            except StorageError as error:
                failures.append(error)
                logger.warning("reconcile.window_failed", extra={"window": str(window), "reason": str(error)})
            except Exception as error:
                # Ours, or of a line that nobody has thought of: all hours before it would never be looked at again.
                failures.append(error)
                extra = {"window": str(window), "reason": repr(error)}
                logger.warning("reconcile.window_failed", extra=extra, exc_info=True)
        return failures

    async def _run(
        self, window: Window, mark: Mark | None, states: Mapping[Window, WindowState], now: datetime
    ) -> None:
        state = await self._claim(window, now)
        try:
            async with asyncio.timeout(_RUN_SECONDS):
                done, totals = await self._look_at(state, states, now)
        except TimeoutError as error:
            raise StorageUnavailable(f"window {window} took longer than {_RUN_SECONDS:g} seconds") from error
        if not await self._windows.finish(done, totals):
            await self._give_up(window, state.last_run)
        elif mark is not None and not done.open_runs and not _is_forgotten(done, now):
            await self._windows.unmark(mark)

    async def _look_at(
        self, state: WindowState, states: Mapping[Window, WindowState], now: datetime
    ) -> tuple[WindowState, list[HourTotals]]:
        window = state.window
        if window.is_day:
            await self._review(window)
            return state.finished(now, next_deadline=None, slow=None), []
        judged = await self._reconcile_hour(window, now, _slow_arrivals(states.values(), now))
        done = state.finished(now, next_deadline=judged.next_deadline, slow=judged.slow_arrival)
        totals = judged.totals.values()
        return done, [replace(each, settled=done.settled, reconciled_at=now) for each in totals]

    async def _claim(self, window: Window, now: datetime) -> WindowState:
        for _ in range(MAX_TRIES):
            state = await self._windows.state(window)
            if claimed := await self._windows.put(state.claimed(now)):
                return claimed
        raise StorageUnavailable(f"window {window} is claimed by others all the time")

    async def _give_up(self, window: Window, number: int) -> None:
        """Let go of a run, for another has been claimed since: what both have written, a third one puts right."""
        await self._windows.mark([window])
        for _ in range(MAX_TRIES):
            state = await self._windows.state(window)
            is_open = any(run.number == number for run in state.open_runs)
            if not is_open or await self._windows.put(state.abandoned(number)):
                return


def _due(marks: Mapping[Window, Mark], states: Mapping[Window, WindowState], now: datetime) -> list[Window]:
    """Return what to look at: what bears on who may call first, then the newest hours."""
    by_schedule = (
        window
        for window in {*open_windows(now), *states}
        if window not in marks and (window not in states or states[window].is_due(now))
    )
    return sorted({*marks, *by_schedule}, key=lambda window: (window.is_day, window.begins_at), reverse=True)


def _is_forgotten(state: WindowState, now: datetime) -> bool:
    """Return whether a window is to be looked at again, and so long ago that only a mark brings that about."""
    return not state.settled and state.window.begins_at < Window.of_hour(now - _LOOK_BACK).begins_at


def _slow_arrivals(states: Iterable[WindowState], now: datetime) -> list[timedelta | None]:
    return [state.slow_arrival for state in states if now - state.window.ends_at <= LATENESS]
