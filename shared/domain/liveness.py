"""Whether a worker is gone, by one clock: the storage service's, which dates every row it writes.

No clock of an instance has a say: they jump, and differ (docs/decisions/0009-liveness-by-the-services-clock.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.usage_record import OpenCall


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """A worker's last sign of life. `version` is another after every beat."""

    worker_id: str
    beat_at: datetime
    lease: timedelta
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOpen:
    """A call that is open, by which worker, and when that was written."""

    worker_id: str
    written_at: datetime
    call: OpenCall


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """
    The workers that have a heartbeat, by id, as the service saw them at `now`.

    `lease` is for what has no heartbeat; a worker's own says how long it may be silent.
    """

    now: datetime
    lease: timedelta
    heartbeats: Mapping[str, Heartbeat]

    def gone(self) -> list[Heartbeat]:
        """Return the heartbeats of workers that have been silent for longer than their lease."""
        return [beat for beat in self.heartbeats.values() if self.now - beat.beat_at > beat.lease]

    def have_left(self, row: LeftOpen) -> bool:
        """Return whether the worker of an open call is gone. To write its row was a sign of life, too."""
        heartbeat = self.heartbeats.get(row.worker_id)
        lease = heartbeat.lease if heartbeat else self.lease
        return self.now - self._last_seen(row) > lease

    def known_to_run(self, row: LeftOpen) -> timedelta:
        """Return for how long a call is known to have been under way: until its worker was last seen."""
        return self._last_seen(row) - row.written_at

    def _last_seen(self, row: LeftOpen) -> datetime:
        heartbeat = self.heartbeats.get(row.worker_id)
        return max(row.written_at, heartbeat.beat_at) if heartbeat else row.written_at
