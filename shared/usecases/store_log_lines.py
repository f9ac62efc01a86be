"""Store log lines: each becomes a value and then a row, or a dead letter that says why not."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.domain.errors import LineUnreadable
from shared.domain.logs.entries import LogEntry
from shared.domain.logs.line_reading import is_of_a_category_we_read, parse_line, records_in
from shared.domain.logs.reading import DeadLetter, Ingested, LogLine, PutOutcome, PutResult
from shared.ports.logs import LogStore

logger = logging.getLogger(__name__)

# Parsed at a stretch: some milliseconds, which other calls on this worker can spare.
_BATCH_LINES = 1000


class StoreLogLines:
    """May be repeated with the same lines: what is stored already counts as a duplicate."""

    def __init__(self, store: LogStore) -> None:
        self._store = store

    async def __call__(self, lines: Sequence[LogLine]) -> tuple[Ingested, list[DeadLetter]]:
        """
        Make what the lines say durable; return what came of them, and those that nothing came of.

        A line that holds several records counts as several.

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
        read = _read(lines)
        results = await self._store.put(read.entries) if read.entries else []
        letters = read.letters
        for line, result in zip(read.lines, results, strict=True):
            if result.outcome is PutOutcome.REFUSED:
                letters.append(DeadLetter(line, result.reason))
        letters.sort(key=lambda letter: letter.line.offset)
        if kept_whole := sum(map(is_of_a_category_we_read, read.entries)):
            logger.warning("logs.kept_whole", extra={"lines": kept_whole})
        return _counted(results, read.count, len(letters)), letters


@dataclass(slots=True)
class _Read:
    """Entries, each with the line it stood in, and what could not be read."""

    lines: list[LogLine] = field(default_factory=list)
    entries: list[LogEntry] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.entries) + len(self.letters)

    def add(self, line: LogLine) -> None:
        try:
            self.entries.append(parse_line(line.data))
            self.lines.append(line)
        except LineUnreadable as error:
            self.letters.append(DeadLetter(line, str(error)))

    def add_records_of_last_letter(self) -> None:
        """Put its records in place of a line that is a message. Where none can be read, it is just a line."""
        line = self.letters[-1].line
        records = _Read()
        for record in records_in(line.data):
            records.add(LogLine(line.offset, record))
        if records.entries:
            self.lines += records.lines
            self.entries += records.entries
            self.letters[-1:] = records.letters


def _read(lines: Sequence[LogLine]) -> _Read:
    read = _Read()
    for line in lines:
        letters = len(read.letters)
        read.add(line)
        if len(read.letters) > letters:
            read.add_records_of_last_letter()
    return read


def _counted(results: Sequence[PutResult], lines: int, dead_letters: int) -> Ingested:
    outcomes = [result.outcome for result in results]
    return Ingested(
        lines=lines,
        stored=outcomes.count(PutOutcome.STORED),
        duplicates=outcomes.count(PutOutcome.DUPLICATE),
        dead_letters=dead_letters,
    )
