"""Kill the function host again and again while it relays, and hold the ledger against what upstream received.

Mixed calls, streamed and not, some hung up on by their callers, run while the host is killed (SIGKILL) at random
instants and started anew. At the end, when the sweeper has had its time, every request that the simulated Azure
OpenAI received must have exactly one row, and nothing may be open.

    python -m bench.crash --calls 1000 --kills 50 --seed 1
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from tqdm import tqdm

from local.azurite import running_azurite
from local.child import Child
from local.stack import app_settings, function_host, keep_key, ready_url, running_simulator
from shared.adapters.table_service import StorageSettings, open_tables
from shared.adapters.table_usage_records import TableUsageRecords
from shared.adapters.usage_columns import OPEN_CALLS_TABLE
from shared.domain.usage_record import UsageRecord

_LABEL = "x-crash-call"
_LEASE_SECONDS = 2
# Calls of one life of the host start within this time, and the kill falls within a little more.
_LIFE_SECONDS = 0.8
_SWEPT_WITHIN_SECONDS = 60.0
_SHOWN_DIFFERENCES = 20

_CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Tell me of a lighthouse keeper"}]}
_OPERATIONS: Sequence[tuple[str, dict[str, Any]]] = [
    ("/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21", _CHAT),
    ("/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21", {**_CHAT, "stream": True}),
    ("/openai/v1/chat/completions", {**_CHAT, "stream": True, "stream_options": {"include_usage": True}}),
    ("/openai/v1/responses", {"model": "gpt-4.1-mini", "input": "Hello"}),
    ("/openai/v1/responses", {"model": "gpt-4.1-mini", "input": "Hello", "stream": True}),
    ("/openai/v1/embeddings", {"model": "text-embedding-3-small", "input": ["one", "two"]}),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """What upstream received and what the ledger says of it, by the labels of the calls."""

    received: Counter[str]
    rows: Counter[str]
    outcomes: Counter[str]
    open: int

    @property
    def lost(self) -> list[str]:
        """Calls that upstream received and the ledger does not know."""
        return sorted(label for label in self.received if label not in self.rows)

    @property
    def doubled(self) -> list[str]:
        """Calls with more rows than attempts."""
        return sorted(label for label, count in self.rows.items() if count > max(self.received[label], 1))


def main() -> int:
    arguments = _arguments()
    aftermath, kills = crash(calls=arguments.calls, kills=arguments.kills, seed=arguments.seed)
    for outcome, count in aftermath.outcomes.most_common():
        print(f"{outcome:<22} {count:>6}")
    for label in aftermath.lost[:_SHOWN_DIFFERENCES]:
        print(f"lost: call {label}")
    for label in aftermath.doubled[:_SHOWN_DIFFERENCES]:
        print(f"doubled: call {label}, {aftermath.rows[label]} rows")
    result = {
        "sent": aftermath.received.total(),
        "kills": kills,
        "lost": len(aftermath.lost),
        "doubled": len(aftermath.doubled),
        "open": aftermath.open,
    }
    print(json.dumps(result))
    return 0


def crash(*, calls: int, kills: int, seed: int) -> tuple[Aftermath, int]:
    """Make at least `calls` calls reach upstream over `kills` kills; return what came of them, and the kills."""
    with (
        running_azurite() as azurite,
        tempfile.TemporaryDirectory() as folder,
        running_simulator(["--request-log", str(Path(folder) / "requests.jsonl")]) as upstream_url,
    ):
        settings = {
            **app_settings(azurite.connection_string, upstream_url),
            "WORKER_LEASE_SECONDS": str(_LEASE_SECONDS),
            "SWEEP_SCHEDULE": "* * * * * *",
            "SPOOL_DIR": folder,
        }
        key = keep_key(azurite.connection_string, "crash")
        storage = StorageSettings(connection_string=azurite.connection_string)
        log = Path(folder) / "requests.jsonl"
        fire = _UnderFire(settings, key, log, random.Random(seed))
        asyncio.run(fire.run(calls=calls, kills=kills, storage=storage))
        return asyncio.run(_aftermath(storage, log)), fire.kills


class _UnderFire:
    """The host, its callers, and who kills it."""

    def __init__(self, settings: Mapping[str, str], key: str, log: Path, chance: random.Random) -> None:
        self.kills = 0
        self._settings = settings
        self._key = key
        self._log = log
        self._chance = chance
        self._calls = 0

    async def run(self, *, calls: int, kills: int, storage: StorageSettings) -> None:
        """Live through the kills, then make the calls that are still missing, and wait for the sweep."""
        per_life = max(1, round(calls / (kills + 1)))
        with tqdm(total=calls, unit="call", file=sys.stderr) as progress:
            while self.kills < kills or self._sent() < calls:
                async with self._life(is_killed=self.kills < kills) as url:
                    await self._call_all(url, per_life)
                progress.update(self._sent() - progress.n)
        async with self._life(is_killed=False):
            await _wait_for_sweep(storage)

    @contextlib.asynccontextmanager
    async def _life(self, *, is_killed: bool) -> AsyncIterator[str]:
        """Run the host; if it is to be killed, at some instant from now on."""
        host = function_host(self._settings)
        killing: asyncio.Task[None] | None = None
        try:
            url = await asyncio.to_thread(ready_url, host)
            if is_killed:
                killing = asyncio.create_task(self._kill(host))
            yield url
            if killing is not None:
                await killing
        finally:
            await asyncio.to_thread(host.stop)

    async def _kill(self, host: Child) -> None:
        await asyncio.sleep(self._chance.uniform(0, _LIFE_SECONDS * 1.25))
        await asyncio.to_thread(host.stop, signal.SIGKILL)
        self.kills += 1

    async def _call_all(self, url: str, count: int) -> None:
        async with aiohttp.ClientSession(url) as session:
            await asyncio.gather(*(self._call(session) for _ in range(count)))

    async def _call(self, session: aiohttp.ClientSession) -> None:
        self._calls += 1
        label = str(self._calls)
        path, body = self._chance.choice(_OPERATIONS)
        hangs_up = self._chance.random() < 0.1
        headers = {"api-key": self._key, _LABEL: label, "x-simulate": self._pace()}
        await asyncio.sleep(self._chance.uniform(0, _LIFE_SECONDS))
        # What a caller sees of a killed host: a connection refused or broken, or an answer that ends early.
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with session.post(path, json={**body, "user": label}, headers=headers) as answer:
                async for _ in answer.content.iter_any():
                    if hangs_up:
                        return

    def _pace(self) -> str:
        delay, chunk, words = self._chance.randrange(300), self._chance.randrange(15), self._chance.randrange(1, 30)
        return f"delay_ms={delay},chunk_ms={chunk},tokens={words}"

    def _sent(self) -> int:
        return self._log.read_bytes().count(b"\n") if self._log.exists() else 0


async def _wait_for_sweep(storage: StorageSettings) -> None:
    """Return when nothing is open, or too much time has gone by for that to come about."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_SWEPT_WITHIN_SECONDS):
            while await _open_calls(storage):
                await asyncio.sleep(0.5)
            # What a sweep under way might still do, it has done.
            await asyncio.sleep(_LEASE_SECONDS)


async def _open_calls(storage: StorageSettings) -> int:
    async with open_tables(storage) as tables:
        rows = tables.get_table_client(OPEN_CALLS_TABLE).list_entities(select=["call_id"])
        return len([row async for row in rows if row.get("call_id")])


async def _aftermath(storage: StorageSettings, log: Path) -> Aftermath:
    requests = [json.loads(line) for line in log.read_text().splitlines()]
    labels = (dict(request["headers"]).get(_LABEL) for request in requests)
    received = Counter(label for label in labels if label is not None)
    rows = await _rows(storage)
    return Aftermath(
        received=received,
        # The label that goes through our app is the body's `user`, known before the call is sent.
        rows=Counter(row.call.user_label or "no label" for row in rows),
        outcomes=Counter(row.outcome.value for row in rows),
        open=await _open_calls(storage),
    )


async def _rows(storage: StorageSettings) -> list[UsageRecord]:
    now = datetime.now(UTC)
    async with open_tables(storage) as tables:
        pages = TableUsageRecords(tables).between(now - timedelta(days=1), now + timedelta(days=1))
        return [row async for page in pages for row in page]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.crash", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calls", type=int, default=200, help="calls that upstream must receive")
    parser.add_argument("--kills", type=int, default=10, help="how often the host is killed")
    parser.add_argument("--seed", type=int, default=1, help="of the random instants")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
