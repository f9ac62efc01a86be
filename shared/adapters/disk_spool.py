"""The spool on disk: one small file for each call that storage has not taken.

Each process keeps its calls in a folder of its own; what a process leaves behind is for whoever finds
it first. Records that storage will never take go to a folder that nobody reads but people.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar
from urllib.parse import quote, unquote

from shared.adapters.spool_file import FileUnreadable, decode_entry, encode_entry
from shared.adapters.spool_folder import (
    SpoolFolder,
    bytes_on_disk,
    calls_in,
    check_private,
    make_private,
    size_of,
    write_durably,
)
from shared.domain.errors import StorageUnavailable
from shared.domain.usage_record import OpenCall, UsageRecord
from shared.ports.spool import SpooledCall

logger = logging.getLogger(__name__)

_P = ParamSpec("_P")
_T = TypeVar("_T")

_REJECTED = "rejected"
_SUFFIX = ".json"
# Of one transaction, where all are of one principal's day.
_GROUP = 100
_MAX_REJECTED = 1000


@dataclass(frozen=True, slots=True)
class _Kept:
    has_ended: bool
    size: int


class DiskSpool:
    """Fulfils Spool. Nothing is on disk until there is something to keep. Close it."""

    def __init__(self, folder: Path, *, max_bytes: int, max_rejected: int = _MAX_REJECTED) -> None:
        """Take a folder for the calls of one ledger, and how many bytes may lie there."""
        self._folder = folder
        self._max_bytes = max_bytes
        self._max_rejected = max_rejected
        self._own: SpoolFolder | None = None
        self._opening = threading.Lock()
        self._kept: dict[str, _Kept] = {}
        self._bytes = 0
        self._bytes_of_others: int | None = None
        self._is_closed = False

    async def keep(self, entry: OpenCall | UsageRecord) -> None:
        """See Spool."""
        has_ended = isinstance(entry, UsageRecord)
        call_id = entry.call.call_id if isinstance(entry, UsageRecord) else entry.call_id
        content = encode_entry(entry)
        if self._bytes_of_others is None:
            self._bytes_of_others = await _in_thread(self._measure_others)
        growth = self._make_room(call_id, len(content))
        try:
            await _in_thread(self._write, call_id, content)
        except BaseException:
            self._bytes -= growth
            raise
        self._kept[call_id] = _Kept(has_ended, bytes_on_disk(len(content)))

    async def drop(self, call_id: str) -> None:
        """See Spool."""
        if call_id in self._kept and self._own is not None:
            await self._unlink(self._own.path / _file_name(call_id))
            self._forget(call_id)

    async def due(self) -> AsyncGenerator[Sequence[SpooledCall], None]:
        """See Spool."""
        for calls in _groups([call_id for call_id, kept in self._kept.items() if kept.has_ended]):
            if found := await self._read_own(calls):
                yield found
        for path in await _in_thread(self._folders_of_others):
            async for group in self._read_left_behind(path):
                yield group
        self._bytes_of_others = await _in_thread(self._measure_others)

    async def remove(self, spooled: SpooledCall) -> None:
        """See Spool."""
        path = Path(spooled.place)
        await self._unlink(path)
        if self._own is not None and path.parent == self._own.path:
            self._forget(_call_id(path))

    async def set_aside(self, record: UsageRecord) -> None:
        """See Spool."""
        content = encode_entry(record)
        await _in_thread(self._set_aside, _file_name(record.call.call_id), content)

    async def close(self) -> None:
        """Keep nothing more, and leave to others what is kept. Never raises."""
        self._is_closed = True
        own, self._own = self._own, None
        if own is not None:
            await asyncio.to_thread(own.release)

    def _make_room(self, call_id: str, size: int) -> int:
        """Return what there is more on disk with this file. Raises StorageUnavailable."""
        before = self._kept.get(call_id)
        growth = bytes_on_disk(size) - (before.size if before else 0)
        if self._is_closed:
            raise StorageUnavailable("the spool is closed")
        if self._bytes + (self._bytes_of_others or 0) + growth > self._max_bytes:
            raise StorageUnavailable(f"the spool is full: {self._max_bytes} bytes")
        self._bytes += growth
        return growth

    def _forget(self, call_id: str) -> None:
        if kept := self._kept.pop(call_id, None):
            self._bytes -= kept.size

    async def _unlink(self, path: Path) -> None:
        await _in_thread(path.unlink, missing_ok=True)

    async def _read_own(self, calls: Sequence[str]) -> list[SpooledCall]:
        if self._own is None:
            return []
        paths = {self._own.path / _file_name(call_id): call_id for call_id in calls}
        found = await _in_thread(self._read, list(paths))
        gone = paths.keys() - {Path(spooled.place) for spooled in found}
        for path in gone:
            self._forget(paths[path])
        return found

    async def _read_left_behind(self, path: Path) -> AsyncGenerator[Sequence[SpooledCall], None]:
        folder = await _in_thread(SpoolFolder.claim, path)
        if folder is None:
            return
        try:
            for files in _groups(await _in_thread(folder.files)):
                if found := await _in_thread(self._read, files):
                    yield found
        finally:
            # Not in a thread: whoever closes this may have been cancelled.
            folder.release()

    # What follows is done in threads.

    def _write(self, call_id: str, content: bytes) -> None:
        with self._opening:
            # People and machines tidy the folder of temporary files.
            if self._own is None or not self._own.path.exists():
                make_private(self._folder)
                self._own = SpoolFolder.new(self._folder)
        write_durably(self._own.path / _file_name(call_id), content)

    def _read(self, paths: Sequence[Path]) -> list[SpooledCall]:
        return [spooled for path in paths if (spooled := self._read_one(path))]

    def _read_one(self, path: Path) -> SpooledCall | None:
        try:
            return SpooledCall(entry=decode_entry(path.read_bytes()), place=str(path))
        except FileNotFoundError:
            logger.warning("spool.file_gone", extra={"file": path.name})
        except FileUnreadable as error:
            logger.error("spool.file_unreadable", extra={"file": path.name, "reason": str(error)})  # noqa: TRY400
            self._set_aside(path.name, path.read_bytes())
            path.unlink()
        return None

    def _set_aside(self, name: str, content: bytes) -> None:
        folder = self._folder / _REJECTED
        make_private(self._folder)
        make_private(folder)
        write_durably(folder / name, content)
        by_age = sorted(calls_in(folder), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        for oldest in by_age[self._max_rejected :]:
            oldest.unlink(missing_ok=True)

    def _folders_of_others(self) -> list[Path]:
        if not self._folder.exists():
            return []
        check_private(self._folder)
        own = self._own.path if self._own else None
        return [path for path in calls_in(self._folder) if path.is_dir() and path != own and path.name != _REJECTED]

    def _measure_others(self) -> int:
        return sum(size_of(path) for path in self._folders_of_others())


async def _in_thread(work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Do what blocks. Raises StorageUnavailable in place of OSError."""
    try:
        return await asyncio.to_thread(work, *args, **kwargs)
    except OSError as error:
        raise StorageUnavailable(f"the spool cannot be used: {error.strerror or error}") from error


def _groups(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), _GROUP):
        yield items[start : start + _GROUP]


def _file_name(call_id: str) -> str:
    return quote(call_id, safe="") + _SUFFIX


def _call_id(path: Path) -> str:
    return unquote(path.name.removesuffix(_SUFFIX))
