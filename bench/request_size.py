"""
How well a request's size tells its prompt tokens: the estimate for calls whose worker was killed.

    python -m bench.request_size ../shared/corpus/recorded_calls.jsonl.xz

Takes the recorded requests that are text alone, as SDKs send them, and holds the estimate against what was
billed: the median error, how many are within a factor of two, and the sum of all.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from local.simulated_azure_openai.replay import Record, load_records
from shared.domain.abandoned_call import usage_by_size
from shared.domain.principal import Principal, PrincipalKind
from shared.domain.request_reading import read_request
from shared.domain.usage_record import OpenCall

_OPERATIONS = {
    "chat": "chat.completions",
    "responses": "responses",
    "completions": "completions",
    "embeddings": "embeddings",
}
_LONG_BYTES = 2048


@dataclass(frozen=True, slots=True)
class Estimate:
    """One request: its size, what the size tells, and what was billed."""

    request_bytes: int
    estimated: int
    billed: int

    @property
    def error(self) -> float:
        return abs(self.estimated / self.billed - 1)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.request_size")
    parser.add_argument("file", type=Path, help="recorded calls, .jsonl or .jsonl.xz")
    records = list(load_records(parser.parse_args().file))
    result = {}
    print(
        f"{'operation':18}{'calls':>7}{'median error':>14}{'within x2':>11}{'sum':>7}{'> 2 KB: calls':>15}{'error':>7}"
    )
    for kind, operation in _OPERATIONS.items():
        estimates = list(_estimates([record for record in records if record.kind == kind], operation))
        if estimates:
            result[operation] = _figures(estimates)
            print(_line(operation, estimates))
    print(json.dumps(result))
    return 0


def _estimates(records: Sequence[Record], operation: str) -> Iterator[Estimate]:
    for record in records:
        billed = (record.usage or {}).get("prompt_tokens") or (record.usage or {}).get("input_tokens")
        # As the OpenAI SDKs write it.
        body = json.dumps(record.request, separators=(",", ":"), ensure_ascii=False).encode()
        request = read_request(body)
        if record.suspect or not billed or not request.text_only:
            continue
        estimated = usage_by_size(_call(operation, len(body))).prompt_tokens
        if estimated is not None:
            yield Estimate(len(body), estimated, billed)


def _call(operation: str, request_bytes: int) -> OpenCall:
    return OpenCall(
        call_id="recorded",
        begun_at=datetime.now(UTC),
        principal=Principal(tenant_id="recorded", object_id="recorded", kind=PrincipalKind.GATEWAY),
        operation=operation,
        method="POST",
        resource="recorded",
        request_bytes=request_bytes,
        text_only=True,
    )


def _figures(estimates: Sequence[Estimate]) -> dict[str, float]:
    long = [each for each in estimates if each.request_bytes > _LONG_BYTES]
    return {
        "calls": len(estimates),
        "median_error": round(_median_error(estimates), 3),
        "within_factor_2": round(
            sum(0.5 <= each.estimated / each.billed <= 2 for each in estimates) / len(estimates), 3
        ),
        "sum": round(sum(each.estimated for each in estimates) / sum(each.billed for each in estimates), 3),
        "long_calls": len(long),
        "long_median_error": round(_median_error(long), 3) if long else 0.0,
    }


def _median_error(estimates: Sequence[Estimate]) -> float:
    return statistics.median(each.error for each in estimates)


def _line(operation: str, estimates: Sequence[Estimate]) -> str:
    of = _figures(estimates)
    return (
        f"{operation:18}{of['calls']:7}{of['median_error']:14.0%}{of['within_factor_2']:11.0%}{of['sum']:7.2f}"
        f"{of['long_calls']:15}{of['long_median_error']:7.0%}"
    )


if __name__ == "__main__":
    sys.exit(main())
