"""Ingest a log blob: from where it was read to, to its last whole line."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shared.domain.errors import LineUnreadable
from shared.domain.logs.line_reading import parse_line, records_in
from shared.domain.logs.log_lines import LineCutter
from shared.domain.logs.reading import SEAM_BYTES, BlobRange, Checkpoint, DeadLetter, Ingested, LogBlob, LogLine
from shared.ports.logs import Checkpoints, DeadLetters, LogBlobs
from shared.usecases.store_log_lines import StoreLogLines

logger = logging.getLogger(__name__)

# Held in memory, and beside it what is parsed of it.
_PART_BYTES = 4 * 1024 * 1024


class IngestLogBlob:
    """
    Run it again and again, on as many instances as there are, however the blob grows meanwhile.

    What lines say is stored first, then the dead letters, and only then the checkpoint moves: a crash in
    between repeats work that may be repeated. Of two readers at once the second finds the checkpoint moved
    and leaves the rest to the first.
    """

    def __init__(
        self, *, blobs: LogBlobs, checkpoints: Checkpoints, store: StoreLogLines, dead_letters: DeadLetters
    ) -> None:
        self._blobs = blobs
        self._checkpoints = checkpoints
        self._store = store
        self._dead_letters = dead_letters

    async def __call__(
        self, blob: LogBlob, *, is_sealed: bool = False, on_read: Callable[[int], None] | None = None
    ) -> Ingested:
        """
        Ingest what is new, and return what came of it.

        A last line that is cut waits for its rest, unless the blob `is_sealed`: nothing will be appended.
        `on_read` is told up to where the blob is read, in bytes, whenever that has moved.

        Raises:
            StorageError: the next run goes on from the last checkpoint.
        """
        done = Ingested(blobs=1)
        before = await self._checkpoints.get(blob)
        while part := await self._next_part(blob, before, is_sealed=is_sealed):
            ingested, after = await self._ingest(blob, part)
            done += ingested
            # Where nothing was new, it is not worth a write.
            moved = await self._checkpoints.advance(blob, after) if after != part.before else after
            if moved and on_read:
                on_read(moved.offset)
            if moved is None or part.is_last:
                break
            before = moved
        return done

    async def _next_part(self, blob: LogBlob, before: Checkpoint, *, is_sealed: bool) -> _Part | None:
        """Return some of the lines behind a checkpoint; None where the blob is gone, or changes as we read."""
        found = await self._blobs.read(blob, before.seam_offset, before.seam_bytes + _PART_BYTES)
        if found is None:
            return None
        if before.continues_in(found.data):
            return await self._cut(blob, before, found, is_sealed=is_sealed)
        logger.warning("logblob.rewritten", extra={"container": blob.container, "blob": blob.name})
        return await self._next_part(blob, before.of_nothing(), is_sealed=is_sealed)

    async def _cut(self, blob: LogBlob, before: Checkpoint, found: BlobRange, *, is_sealed: bool) -> _Part | None:
        cutter, start = LineCutter(before.offset), before.seam_offset
        lines = list(cutter.feed(found.data[before.seam_bytes :]))
        # Only where a line is longer than a part. Its beginning is all that is held of it.
        while cutter.next_offset == before.offset and (end := start + len(found.data)) < found.size:
            start = max(0, end - SEAM_BYTES)
            more = await self._blobs.read(blob, start, end - start + _PART_BYTES)
            if more is None or more.etag != found.etag:
                return None
            found = more
            lines = list(cutter.feed(found.data[end - start :]))
        is_last = start + len(found.data) >= found.size
        if is_last and (is_sealed or _is_whole(found.data[max(0, cutter.next_offset - start) :])):
            lines += cutter.close()
        return _Part(
            before=before,
            lines=[LogLine(*line) for line in lines],
            offset=cutter.next_offset,
            seam=found.data[: max(0, cutter.next_offset - start)][-SEAM_BYTES:],
            etag=found.etag,
            is_last=is_last,
        )

    async def _ingest(self, blob: LogBlob, part: _Part) -> tuple[Ingested, Checkpoint]:
        """Store a part; return what came of it, and the checkpoint behind it."""
        done, letters = await self._store(part.lines)
        length = part.before.dead_letter_bytes
        if letters:
            length = await self._keep(blob, letters, length)
        after = part.before.moved_to(
            part.offset,
            part.seam,
            lines=done.lines,
            etag=part.etag if part.is_last else "",
            dead_letter_bytes=length,
        )
        return done, after

    async def _keep(self, blob: LogBlob, letters: Sequence[DeadLetter], length: int) -> int:
        length = await self._dead_letters.keep(blob, letters, length)
        extra = {"container": blob.container, "blob": blob.name, "lines": len(letters), "reason": letters[0].reason}
        logger.warning("logblob.dead_letters", extra=extra)
        return length


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Lines of a blob from a checkpoint up to `offset`; the seam stands before it. `is_last`: there was no more."""

    before: Checkpoint
    lines: Sequence[LogLine]
    offset: int
    seam: bytes
    etag: str
    is_last: bool


def _is_whole(last_line: bytes) -> bool:
    """Return whether a line without a newline can be read: no beginning of a JSON object is one itself."""
    try:
        parse_line(last_line)
    except LineUnreadable:
        return bool(records_in(last_line))
    return True
