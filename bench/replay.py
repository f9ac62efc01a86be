"""Replay recorded calls through the running app, and hold the ledger against what was billed.

Each recorded chat, responses, completions and embeddings call that has usage is sent once, as one of
several principals at a time, to the app in front of an upstream that answers with the recording.
Then every call must have one row, every token count of that row must be the billed one, and every
answer must have been the recording, byte for byte. What differs is printed; nothing may.

    python -m bench.replay ../shared/corpus/recorded_calls.jsonl.xz
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from tqdm import tqdm

from local.simulated_azure_openai.replay import Record, load_records, recorded_body
from local.stack import keep_key, running_stack
from shared.adapters.table_service import StorageSettings, open_tables
from shared.adapters.table_usage_records import TableUsageRecords
from shared.domain.usage_record import UsageRecord

_KINDS = {
    "chat": "chat/completions",
    "responses": "responses",
    "completions": "completions",
    "embeddings": "embeddings",
}
_API_VERSION = "2025-04-01-preview"
_PRINCIPALS = 5
_CONCURRENT_CALLS = 16
_SHOWN_DIFFERENCES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back for a recording. `call_id` finds its row: Azure's own id of the request."""

    record: Record
    principal: str
    status: int
    apim_request_id: str
    is_identical: bool


def main() -> int:
    arguments = _arguments()
    records = [record for record in load_records(arguments.file) if record.kind in _KINDS and record.usage]
    replies, rows = _replay(arguments.file, records[: arguments.calls])
    differences = list(_differences(replies, rows))
    for difference in differences[:_SHOWN_DIFFERENCES]:
        print(difference)
    result = {
        "calls": len(replies),
        "rows": len(rows),
        "token_mismatches": sum(difference.startswith("tokens") for difference in differences),
        "byte_mismatches": sum(difference.startswith("bytes") for difference in differences),
        "other_mismatches": sum(not difference.startswith(("tokens", "bytes")) for difference in differences),
    }
    print(json.dumps(result))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.replay", description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="recorded calls, .jsonl or .jsonl.xz")
    parser.add_argument("--calls", type=int, help="only the first so many")
    return parser.parse_args()


def _replay(file: Path, records: Sequence[Record]) -> tuple[list[Reply], list[UsageRecord]]:
    with running_stack(simulator_arguments=["--replay", str(file.resolve())]) as stack:
        names = [f"principal-{number}" for number in range(1, _PRINCIPALS + 1)]
        keys = {name: keep_key(stack.azurite.connection_string, name) for name in names}
        replies = asyncio.run(_send_all(stack.url, records, keys))
        rows = asyncio.run(_read_rows(stack.azurite.connection_string))
    return replies, rows


async def _send_all(url: str, records: Sequence[Record], keys: Mapping[str, str]) -> list[Reply]:
    slots = asyncio.Semaphore(_CONCURRENT_CALLS)
    names = sorted(keys)
    with tqdm(total=len(records), unit="call", file=sys.stderr) as progress:
        async with aiohttp.ClientSession(url, auto_decompress=False) as session:

            async def send(number: int, record: Record) -> Reply:
                name = names[number % len(names)]
                async with slots:
                    reply = await _send(session, record, name, keys[name])
                progress.update()
                return reply

            return await asyncio.gather(*(send(number, record) for number, record in enumerate(records)))


async def _send(session: aiohttp.ClientSession, record: Record, principal: str, key: str) -> Reply:
    path, body = _request(record)
    headers = {"api-key": key, "content-type": "application/json", "x-replay-id": record.id}
    async with session.post(path, data=body, headers=headers) as response:
        answer = await response.read()
        return Reply(
            record=record,
            principal=principal,
            status=response.status,
            apim_request_id=response.headers.get("apim-request-id", ""),
            is_identical=answer == recorded_body(record),
        )


def _request(record: Record) -> tuple[str, bytes]:
    """Return where a recorded call goes here: by deployment as Azure had it, else by the v1 path."""
    body = json.dumps(record.request).encode()
    if record.deployment and record.kind != "responses":
        return f"/openai/deployments/{record.deployment}/{_KINDS[record.kind]}?api-version={_API_VERSION}", body
    suffix = record.endpoint_path.split("?", 1)[0].rpartition("/responses")[2] if record.kind == "responses" else ""
    return f"/openai/v1/{_KINDS[record.kind]}{suffix}", body


async def _read_rows(connection_string: str) -> list[UsageRecord]:
    now = datetime.now(UTC)
    async with open_tables(StorageSettings(connection_string=connection_string)) as tables:
        pages = TableUsageRecords(tables).between(now - timedelta(days=1), now + timedelta(days=1))
        return [row async for page in pages for row in page]


def _differences(replies: Sequence[Reply], rows: Sequence[UsageRecord]) -> Iterator[str]:
    by_request: dict[str | None, list[UsageRecord]] = {}
    for row in rows:
        by_request.setdefault(row.apim_request_id, []).append(row)
    for reply in replies:
        if reply.status != 200:
            yield f"status {reply.record.id}: {reply.status}"
        if not reply.is_identical:
            yield f"bytes {reply.record.id}: the answer is not the recording"
        found = by_request.pop(reply.apim_request_id, [])
        if len(found) != 1:
            yield f"rows {reply.record.id}: {len(found)}"
            continue
        yield from _token_differences(reply, found[0])
        if found[0].call.principal.object_id != reply.principal:
            yield f"principal {reply.record.id}: {found[0].call.principal.object_id} is not {reply.principal}"
    for request_id, left_over in by_request.items():
        yield f"rows without a call: {len(left_over)} of {request_id}"


def _token_differences(reply: Reply, row: UsageRecord) -> Iterator[str]:
    counts = {
        "prompt_tokens": row.usage.prompt_tokens,
        "completion_tokens": row.usage.completion_tokens,
        "total_tokens": row.usage.total_tokens,
        "cached_tokens": row.usage.cached_tokens,
        "reasoning_tokens": row.usage.reasoning_tokens,
    }
    for name, billed in _billed(reply.record).items():
        if counts[name] != billed:
            yield f"tokens {reply.record.id}: {name} {counts[name]} is not {billed}"


def _billed(record: Record) -> dict[str, int | None]:
    """Return what a recording says was billed, in the ledger's words."""
    usage: dict[str, Any] = record.usage or {}
    if usage.get("object") == "response.input_tokens":
        # An answer about tokens: a count of what a request would use, made for nothing.
        return dict.fromkeys(("prompt_tokens", "completion_tokens", "total_tokens"))
    details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details") or {}
    output = usage.get("completion_tokens_details") or usage.get("output_tokens_details") or {}
    return {
        "prompt_tokens": usage.get("prompt_tokens", usage.get("input_tokens")),
        "completion_tokens": usage.get("completion_tokens", usage.get("output_tokens")),
        "total_tokens": usage.get("total_tokens"),
        "cached_tokens": details.get("cached_tokens"),
        "reasoning_tokens": output.get("reasoning_tokens"),
    }


if __name__ == "__main__":
    sys.exit(main())
