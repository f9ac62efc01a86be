"""Fakes of what exports are written to. The files pass the contract tests of the real adapters."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from shared.domain.errors import LedgerError
from shared.domain.exports import FileFacts
from shared.domain.log_rows import LogValue


class FakeExportFiles:
    """
    ExportFiles in memory: `files` are their bytes and facts, by name; `commits` the names that were written.

    Set `failure` to have every write raise it.
    """

    def __init__(self) -> None:
        self.files: dict[str, tuple[bytes, FileFacts]] = {}
        self.commits: list[str] = []
        self.failure: LedgerError | None = None

    async def begin(self, name: str, media_type: str) -> FakeNewFile:
        await asyncio.sleep(0)
        return FakeNewFile(self, name)


class FakeNewFile:
    """A NewFile in memory."""

    def __init__(self, files: FakeExportFiles, name: str) -> None:
        self._files = files
        self._name = name
        self._replaced = files.files.get(name)
        self._data = b""

    @property
    def replaced_sha256(self) -> str | None:
        return self._replaced[1].sha256 if self._replaced else None

    async def write(self, data: bytes) -> None:
        await asyncio.sleep(0)
        if self._files.failure:
            raise self._files.failure
        self._data += data

    async def commit(self, facts: FileFacts) -> bool:
        await asyncio.sleep(0)
        if self._files.files.get(self._name) is not self._replaced:
            return False
        self._files.files[self._name] = (self._data, facts)
        self._files.commits.append(self._name)
        return True

    async def abandon(self) -> None:
        self._data = b""


class FakeLogSink:
    """A LogSink in memory. Set `fail_after` to have it raise `failure` once it holds so many rows."""

    def __init__(self) -> None:
        self.rows: list[dict[str, LogValue]] = []
        self.failure: LedgerError | None = None
        self.fail_after = 0

    async def send(self, rows: Sequence[dict[str, LogValue]]) -> None:
        await asyncio.sleep(0)
        if self.failure and len(self.rows) >= self.fail_after:
            raise self.failure
        self.rows.extend(rows)
