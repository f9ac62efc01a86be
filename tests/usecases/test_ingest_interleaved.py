"""Appends, readers and crashes in any order, on Azurite: every line is stored once, none is lost."""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

import pytest

from local.azurite import Azurite
from shared.usecases import ingest_log_blob
from shared.usecases.ingest_log_blob import IngestLogBlob
from tests.usecases.ingesting import LogAccount, call_line, log_account

INTERLEAVINGS = 200
# At a time: Azurite has one core.
CONCURRENT = 10


class Crash(Exception):
    """The process is gone, wherever it was."""


class Crashing:
    """A port that crashes before or after what it does, now and then, and lets others go first."""

    def __init__(self, port: object, chance: random.Random) -> None:
        self._port = port
        self._chance = chance

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._port, name)

        @wraps(method)
        async def step(*args: Any) -> Any:
            self._crash()
            if self._chance.random() < 0.3:
                await asyncio.sleep(self._chance.random() / 100)
            result = await method(*args)
            self._crash()
            return result

        return step

    def _crash(self) -> None:
        if self._chance.random() < 0.06:
            raise Crash


class Interleaving:
    """One blob: what Azure will write to it, in blocks that cut lines, and readers that crash."""

    def __init__(self, account: LogAccount, seed: int) -> None:
        self._chance = random.Random(seed)
        self._account = account
        self._blob = account.blob()
        self.call_ids = [f"c{seed}-{number:02}" for number in range(self._chance.randrange(5, 16))]
        self.bad_lines = [f"bad {number}".encode() for number in range(self._chance.randrange(4))]
        # Some calls have two lines.
        written_ids = self.call_ids + self._chance.sample(self.call_ids, 2)
        lines = [call_line(account.resource, each) for each in written_ids] + self.bad_lines
        self._chance.shuffle(lines)
        content = b"".join(line + self._chance.choice([b"\n", b"\r\n", b"\n\n"]) for line in lines)
        cuts = sorted(self._chance.sample(range(1, len(content)), 6))
        self._blocks = [content[a:b] for a, b in zip([0, *cuts], [*cuts, len(content)], strict=True)]

    async def run(self) -> None:
        while self._blocks:
            await asyncio.gather(*self._chance.choices([self._append, self._read, self._read_by_two], k=1)[0]())
        # Whatever is left, one reader that does not crash must find.
        await self._account.ingest()(self._blob)

    def _append(self) -> list[Awaitable[None]]:
        return [self._account.append(self._blob, self._blocks.pop(0))]

    def _read(self) -> list[Awaitable[None]]:
        return [self._read_or_crash()]

    def _read_by_two(self) -> list[Awaitable[None]]:
        more = self._append() if self._chance.random() < 0.5 else []
        return [self._read_or_crash(), self._read_or_crash(), *more]

    async def _read_or_crash(self) -> None:
        try:
            await self._reader()(self._blob)
        except Crash:
            return

    def _reader(self) -> IngestLogBlob:
        account, chance = self._account, random.Random(self._chance.random())
        return account.ingest(
            blobs=Crashing(account.blobs, chance),  # type: ignore[arg-type]
            checkpoints=Crashing(account.checkpoints, chance),  # type: ignore[arg-type]
            store=Crashing(account.store, chance),  # type: ignore[arg-type]
            dead_letters=Crashing(account.dead_letters, chance),  # type: ignore[arg-type]
        )


@pytest.mark.timeout(600)
async def test_every_line_is_stored_once_whatever_happens(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part is some lines, so that each reader moves the checkpoint several times, and may crash between."""
    monkeypatch.setattr(ingest_log_blob, "_PART_BYTES", 3000)
    at_a_time = asyncio.Semaphore(CONCURRENT)

    async def check(account: LogAccount, seed: int) -> None:
        interleaving = Interleaving(account, seed)
        async with at_a_time:
            await interleaving.run()
            kept = [base64.b64decode(letter["raw"]).rstrip() for letter in await account.letters()]

        assert await account.call_ids() == sorted(interleaving.call_ids), seed
        assert sorted(kept) == sorted(interleaving.bad_lines), seed

    async with log_account(azurite) as account, asyncio.TaskGroup() as group:
        for seed in range(INTERLEAVINGS):
            group.create_task(check(account.another(), seed))
