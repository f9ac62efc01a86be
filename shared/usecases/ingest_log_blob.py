"""Ingest a log blob: from where it was read to, to its last whole line."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from shared.domain.logs.lines import cut_lines
from shared.domain.logs.reading import BlobRange, Checkpoint, Ingested, LogBlob
from shared.ports import Checkpoints, DeadLetters, LogBlobs
from shared.usecases.store_log_lines import StoreLogLines

logger = logging.getLogger(__name__)

# Held in memory, and beside it what is parsed of it. No line may be longer.
_PART_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Step:
    """What came of a part of a blob, and the checkpoint behind it. `is_last`: the blob had no more."""

    done: Ingested
    checkpoint: Checkpoint
    is_last: bool


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
        while step := await self._read_on(blob, before, is_sealed=is_sealed):
            done += step.done
            after = await self._move(blob, before, step.checkpoint)
            if after and on_read:
                on_read(after.offset)
            if after is None or step.is_last:
                break
            before = after
        return done

    async def _read_on(self, blob: LogBlob, before: Checkpoint, *, is_sealed: bool) -> _Step | None:
        """Store the part behind a checkpoint; return None where the blob is gone."""
        part = await self._blobs.read(blob, before.seam_offset, before.seam_bytes + _PART_BYTES)
        if part is None:
            return None
        if before.continues_in(part.data):
            return await self._ingest(blob, before, part, is_sealed=is_sealed)
        logger.warning("logblob.rewritten", extra={"container": blob.container, "blob": blob.name})
        return await self._read_on(blob, before.of_nothing(), is_sealed=is_sealed)

    async def _ingest(self, blob: LogBlob, before: Checkpoint, part: BlobRange, *, is_sealed: bool) -> _Step:
        is_last = before.seam_offset + len(part.data) >= part.size
        cut = cut_lines(part.data[before.seam_bytes :], before.offset, is_end=is_last and is_sealed)
        done, letters = await self._store(cut.lines)
        length = before.dead_letter_bytes
        if letters:
            length = await self._dead_letters.keep(blob, letters, length)
            extra = {"container": blob.container, "blob": blob.name, "lines": len(letters)}
            logger.warning("logblob.dead_letters", extra={**extra, "reason": letters[0].reason})
        after = before.behind(
            part.data[: cut.end - before.seam_offset],
            lines=done.lines,
            etag=part.etag if is_last else "",
            dead_letter_bytes=length,
        )
        return _Step(done, after, is_last)

    async def _move(self, blob: LogBlob, before: Checkpoint, after: Checkpoint) -> Checkpoint | None:
        if after == before:
            # Nothing to read: not worth a write.
            return before
        moved = await self._checkpoints.advance(blob, after)
        if moved is None:
            logger.info("logblob.read_elsewhere", extra={"container": blob.container, "blob": blob.name})
        return moved
