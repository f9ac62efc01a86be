"""Notes for the rollups which records have landed, and takes away after that what said that they might."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import uuid4

from shared.adapters.group_commit import GroupCommit, Transactions
from shared.adapters.table_wire import TableWrite, delete, upsert
from shared.adapters.unfolded_columns import (
    HELD_PREFIX,
    MOST_ENTRIES,
    UNFOLDED_TABLE,
    held_entity,
    note_entity,
    note_place,
)
from shared.adapters.usage_columns import OPEN_CALLS_TABLE
from shared.domain.errors import StorageUnavailable
from shared.domain.table_entity import TableEntity
from shared.domain.usage_entry import UsageEntry

logger = logging.getLogger(__name__)

# Long enough for a hundred calls a second to share a transaction, short beside a call.
_TIDY_SECONDS = 1.0
# Unique among the notes of some minutes.
_NOTE_ID_LENGTH = 16
# A record is audited within seconds of its end.
_REMEMBERED_CALLS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LandedCall:
    """
    A row of `usage` that was written, and what is there to be taken away for it.

    No `key`: a call that was never made. No `entry`: what the row says now, only the table knows.
    """

    key: tuple[str, str] | None = None
    entry: UsageEntry | None = None
    open_call_id: str | None = None
    held_id: str | None = None


class LandedCalls:
    """Notes what has landed, in the background: a second's worth in one row, and that in one transaction."""

    def __init__(self, transactions: Transactions, *, worker_id: str, patience_seconds: float) -> None:
        self._worker_id = worker_id
        self._notes = GroupCommit(transactions, UNFOLDED_TABLE, patience_seconds=patience_seconds)
        # Apart from the ledger's begins, which must not wait behind them.
        self._deletes = GroupCommit(transactions, OPEN_CALLS_TABLE, patience_seconds=patience_seconds)
        self._landed: list[LandedCall] = []
        self._left: list[_Leftover] = []
        self._here: OrderedDict[str, UsageEntry] = OrderedDict()
        self._tidying: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    @property
    def is_tidy(self) -> bool:
        """Whether nothing is left to be noted or taken away."""
        return not self._landed and not self._left

    def says_nothing_new(self, entry: UsageEntry) -> bool:
        """Return whether this worker has written the same, as far as rollups go, not long ago."""
        return self._here.get(entry.row_key) == entry

    async def hold(self, partition_key: str, row_key: str) -> str:
        """
        Note that a record may land, and return the id of that note.

        Raises:
            StorageUnavailable, StorageRejected
        """
        held_id = uuid4().hex
        await self._notes.submit(upsert(held_entity(self._worker_id, held_id, partition_key, row_key)))
        return held_id

    def add(self, landed: LandedCall) -> None:
        """Take in what has landed."""
        if landed.entry is not None:
            self._remember(landed.entry)
        self._landed.append(landed)
        if self._tidying is None or self._tidying.done():
            self._tidying = asyncio.create_task(self._tidy())

    def hurry(self) -> None:
        """Wait for no company from now on."""
        self._closing.set()

    async def close(self) -> None:
        """Return when all is noted, or has failed. Never raises."""
        self.hurry()
        while self._tidying is not None and not self._tidying.done():
            await self._tidying
        await self._notes.close()

    def _remember(self, entry: UsageEntry) -> None:
        self._here[entry.row_key] = entry
        if len(self._here) > _REMEMBERED_CALLS:
            self._here.popitem(last=False)

    async def _tidy(self) -> None:
        while self._landed or self._left:
            await self._wait_for_company()
            landed, self._landed = self._landed, []
            failures = await _failures(map(self._notes.submit, self._note_writes(landed)))
            if not failures:
                await self._take_away(landed)
                await self._try_again()
                continue
            logger.warning("unfolded.not_noted", extra=_facts(failures))
            if self._closing.is_set():
                # Their open calls stay for the sweeper, and their holds for the fold: both find them ended.
                return
            self._landed = landed + self._landed

    async def _wait_for_company(self) -> None:
        try:
            async with asyncio.timeout(_TIDY_SECONDS):
                await self._closing.wait()
        except TimeoutError:
            return

    def _note_writes(self, landed: Sequence[LandedCall]) -> list[TableWrite]:
        noted = [each for each in landed if each.key is not None]
        starts = range(0, len(noted), MOST_ENTRIES)
        return [upsert(self._note(noted[start : start + MOST_ENTRIES])) for start in starts]

    def _note(self, landed: Sequence[LandedCall]) -> TableEntity:
        entries = [each.entry for each in landed if each.entry is not None]
        changed = [each.key for each in landed if each.entry is None and each.key is not None]
        return note_entity(note_place(self._worker_id, uuid4().hex[:_NOTE_ID_LENGTH]), entries, changed)

    async def _take_away(self, landed: Sequence[LandedCall]) -> None:
        open_calls = [delete(self._worker_id, each.open_call_id) for each in landed if each.open_call_id]
        held = [delete(self._worker_id, f"{HELD_PREFIX}{each.held_id}") for each in landed if each.held_id]
        await self._delete(self._deletes, open_calls)
        await self._delete(self._notes, held)

    async def _delete(self, commits: GroupCommit, writes: Sequence[TableWrite]) -> None:
        results = await asyncio.gather(*map(commits.submit, writes), return_exceptions=True)
        failures = [result for result in results if isinstance(result, Exception)]
        if failures and commits is self._notes:
            logger.warning("unfolded.not_deleted", extra=_facts(failures))
        elif failures:
            logger.warning("opencalls.not_deleted", extra=_facts(failures))
        unknown = (write for write, result in zip(writes, results, strict=True) if _is_unavailable(result))
        self._left += [_Leftover(commits, write) for write in unknown]

    async def _try_again(self) -> None:
        """
        Take away what could not be in its time, one by one: what is gone by now would have its transaction refused.

        For as long as this worker lives nobody else does it: what is left looks like a call under way, which no fold
        goes beyond, and which excuses what went round the gate about then. After it, the sweeper and the fold do.
        """
        left, self._left = self._left[:MOST_ENTRIES], self._left[MOST_ENTRIES:]
        for number, leftover in enumerate(left):
            if self._closing.is_set():
                self._left = []
                return
            before = len(self._left)
            await self._delete(leftover.commits, [leftover.write])
            if len(self._left) > before:
                # Storage is not there yet.
                self._left += left[number + 1 :]
                return


@dataclass(frozen=True, slots=True)
class _Leftover:
    """What is still to be taken away, and of which table."""

    commits: GroupCommit
    write: TableWrite


def _is_unavailable(result: object) -> bool:
    return isinstance(result, StorageUnavailable)


async def _failures(writes: Iterable[asyncio.Future[None]]) -> list[Exception]:
    """Return why writes were not done, when all are over."""
    results = await asyncio.gather(*writes, return_exceptions=True)
    return [result for result in results if isinstance(result, Exception)]


def _facts(failures: list[Exception]) -> dict[str, object]:
    return {"rows": len(failures), "reason": str(failures[0])}
