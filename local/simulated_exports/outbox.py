"""Lines on their way to a blob: each waits until it is due, then its bytes until they are written."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator
from datetime import datetime
from itertools import count, pairwise

from local.simulated_exports.resource import ExportedBlob

_HELD_SHARE = 0.3
# Less than any line: what is held back begins within one.
_MOST_HELD_BYTES = 150
_MOST_CUTS = 2
_MAX_BLOCK_BYTES = 4 * 1024 * 1024


class Outbox:
    """
    Gives each blob its lines in the order they are due in, as blocks that begin and end anywhere.

    Now and then the end of the last line waits for the next time, as where two of Azure's writes meet.
    """

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._waiting: list[tuple[datetime, int, ExportedBlob, bytes]] = []
        self._numbers = count()
        self._due: dict[ExportedBlob, bytearray] = {}
        self._grown: set[ExportedBlob] = set()

    def add(self, blob: ExportedBlob, data: bytes, due_at: datetime) -> None:
        heapq.heappush(self._waiting, (due_at, next(self._numbers), blob, data))

    def ripen(self, until: datetime | None = None) -> list[ExportedBlob]:
        """Make due what is by then, or everything, and return the blobs that have bytes to be written."""
        while self._waiting and (until is None or self._waiting[0][0] <= until):
            _, _, blob, data = heapq.heappop(self._waiting)
            self._due.setdefault(blob, bytearray()).extend(data)
            self._grown.add(blob)
        return list(self._due)

    def blocks(self, blob: ExportedBlob, *, whole: bool) -> Iterator[bytes]:
        """Yield what is due as blocks, each of which counts as written when the next is asked for."""
        due = self._due[blob]
        ready = len(due) if whole else max(len(due) - self._held(blob), 0)
        for block in self._cut(bytes(due[:ready])):
            yield block
            del due[: len(block)]
        self._grown.discard(blob)
        if not due:
            del self._due[blob]

    def _held(self, blob: ExportedBlob) -> int:
        # Only where lines came since: an end is never held back twice.
        if blob not in self._grown or self._chance.random() >= _HELD_SHARE:
            return 0
        return self._chance.randint(1, _MOST_HELD_BYTES)

    def _cut(self, data: bytes) -> Iterator[bytes]:
        places = sorted(self._chance.randrange(len(data) + 1) for _ in range(self._chance.randint(0, _MOST_CUTS)))
        for begin, end in pairwise([0, *places, len(data)]):
            for start in range(begin, end, _MAX_BLOCK_BYTES):
                yield data[start : min(start + _MAX_BLOCK_BYTES, end)]
