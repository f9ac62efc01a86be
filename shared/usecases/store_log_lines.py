"""Store log lines: each becomes a value and then a row, or a dead letter that says why not."""

from __future__ import annotations

from collections.abc import Sequence

from shared.domain.errors import LineUnreadable
from shared.domain.logs.entries import LogEntry
from shared.domain.logs.line_reading import parse_line
from shared.domain.logs.reading import DeadLetter, Ingested, LogLine, PutOutcome, PutResult
from shared.ports.logs import LogStore

# Parsed at a stretch: some milliseconds, which other calls on this worker can spare.
_BATCH_LINES = 1000


class StoreLogLines:
    """May be repeated with the same lines: what is stored already counts as a duplicate."""

    def __init__(self, store: LogStore) -> None:
        self._store = store

    async def __call__(self, lines: Sequence[LogLine]) -> tuple[Ingested, list[DeadLetter]]:
        """
        Make what the lines say durable; return what came of them, and those that nothing came of.

        Raises:
            StorageUnavailable: it is not known of all of them.
        """
        done, letters = Ingested(), list[DeadLetter]()
        for start in range(0, len(lines), _BATCH_LINES):
            stored, unreadable = await self._store_batch(lines[start : start + _BATCH_LINES])
            done += stored
            letters += unreadable
        return done, letters

    async def _store_batch(self, lines: Sequence[LogLine]) -> tuple[Ingested, list[DeadLetter]]:
        letters, readable, entries = list[DeadLetter](), list[LogLine](), list[LogEntry]()
        for line in lines:
            try:
                entries.append(parse_line(line.data))
                readable.append(line)
            except LineUnreadable as error:
                letters.append(DeadLetter(line, str(error)))
        results = await self._store.put(entries) if entries else []
        for line, result in zip(readable, results, strict=True):
            if result.outcome is PutOutcome.REFUSED:
                letters.append(DeadLetter(line, result.reason))
        letters.sort(key=lambda letter: letter.line.offset)
        return _counted(results, len(lines), len(letters)), letters


def _counted(results: Sequence[PutResult], lines: int, dead_letters: int) -> Ingested:
    outcomes = [result.outcome for result in results]
    return Ingested(
        lines=lines,
        stored=outcomes.count(PutOutcome.STORED),
        duplicates=outcomes.count(PutOutcome.DUPLICATE),
        dead_letters=dead_letters,
    )
