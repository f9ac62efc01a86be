"""A log blob of any size, made as it is read: lines as Azure exports them, of calls of a few principals."""

from __future__ import annotations

import itertools
import json
import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

# So many lines differ; a blob is these over and over. Whole, a million would be 800 MB on somebody's disk.
DIFFERENT_LINES = 10_000

# What the timer reads at a time.
RANGE_BYTES = 4 * 1024 * 1024

_FIRST_CALL = datetime(2026, 11, 20, 8, tzinfo=UTC)
_UNIX_EPOCH_TICKS = 621_355_968_000_000_000
_ACCOUNT = (
    "/SUBSCRIPTIONS/0A000000-0000-4000-8000-000000000001/RESOURCEGROUPS/RG-MODELS"
    "/PROVIDERS/MICROSOFT.COGNITIVESERVICES/ACCOUNTS/MODELS-EAST"
)
_PRINCIPALS = ["", "0b000000-0000-4000-8000-00000000000a", "0b000000-0000-4000-8000-00000000000b"]
_MODELS = [("chat", "gpt-4o", "2024-11-20"), ("small", "gpt-4.1-mini", "2025-04-14")]


def different_lines(count: int = DIFFERENT_LINES) -> list[bytes]:
    """Return RequestResponse lines of as many calls within an hour, in the form of storage exports of November 2025."""
    chance = random.Random(count)
    return [_line(chance, _FIRST_CALL + timedelta(hours=1) * (number / count)) for number in range(count)]


def blob_ranges(lines: list[bytes], count: int) -> Iterator[bytes]:
    """Yield a blob of `count` lines, each of `lines` in turn, in ranges that cut lines where it happens."""
    rounds, rest = divmod(count, len(lines))
    held = bytearray()
    for block in itertools.chain(itertools.repeat(_block(lines), rounds), [_block(lines[:rest])]):
        held += block
        while len(held) >= RANGE_BYTES:
            yield bytes(held[:RANGE_BYTES])
            del held[:RANGE_BYTES]
    yield bytes(held)


def _block(lines: list[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


def _line(chance: random.Random, called_at: datetime) -> bytes:
    duration = timedelta(microseconds=chance.randrange(100_000, 30_000_000))
    logged_at = called_at + duration + timedelta(milliseconds=chance.randrange(280, 2920))
    streamed = chance.random() < 0.4
    record = {
        "EnqueueTime": _text(logged_at - timedelta(milliseconds=chance.randrange(13, 102))),
        "callerIpAddress": f"203.0.113.{chance.choice(['*', '**', '***'])}",
        "category": "RequestResponse",
        "correlationId": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        "durationMs": duration // timedelta(milliseconds=1),
        "event": "ShoeboxCallResult",
        "location": "eastus",
        "operationName": "ChatCompletions_Create",
        "properties": json.dumps(_properties(chance, called_at, duration, streamed=streamed), separators=(",", ":")),
        "resourceId": _ACCOUNT,
        "resultSignature": "200" if chance.random() < 0.97 else "429",
        "time": f"{_text(logged_at)}Z",
        "Tenant": "eastus",
    }
    return json.dumps(record).encode()


def _properties(
    chance: random.Random, called_at: datetime, duration: timedelta, *, streamed: bool
) -> dict[str, str | int]:
    deployment, model, version = chance.choice(_MODELS)
    return {
        "apiName": "Azure OpenAI API version 2024-10-21",
        "requestTime": _ticks(called_at),
        "requestLength": chance.randrange(200, 120_000),
        "responseTime": _ticks(called_at + duration),
        "responseLength": 0 if streamed else chance.randrange(400, 20_000),
        "objectId": chance.choice(_PRINCIPALS),
        "streamType": "Streaming" if streamed else "Non-Streaming",
        "modelDeploymentName": deployment,
        "modelName": model,
        "modelVersion": version,
    }


def _ticks(time: datetime) -> int:
    return _UNIX_EPOCH_TICKS + (time - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1) * 10


def _text(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03}0000"
