"""
What a report costs: a month by principal over the rollups of ten million records of 500 principals, with 5,000
records that are not folded yet; beside the same over a tenth of them. And what it costs to fold records, beside
reading the same pages with Microsoft's SDK.

Azurite is started for it. What was measured goes to stdout, and as the last line one JSON object: `query_s`
seconds, `to_tenth` times that of a tenth, `fold_ratio` times the SDK's records a second, and `totals_equal`, that
every report says to the last token and digit what DuckDB sums up from Parquet.

    python -m bench.query --quick
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from bench.querying.folding import Folding, measure_folding
from bench.querying.month import MonthQuery, measure_month

FULL_RECORDS, FULL_BEHIND, FULL_FOLDED = 10_000_000, 5_000, 200_000
QUICK_RECORDS, QUICK_BEHIND, QUICK_FOLDED = 500_000, 500, 10_000


def main() -> int:
    """Measure and print."""
    is_quick = _parser().parse_args().quick
    records, behind, folded = (
        (QUICK_RECORDS, QUICK_BEHIND, QUICK_FOLDED) if is_quick else (FULL_RECORDS, FULL_BEHIND, FULL_FOLDED)
    )
    begun_at = time.monotonic()
    folding, whole, tenth = asyncio.run(_measure(records, behind, folded))
    _print(folding, whole, tenth, records)
    result = {
        "query_s": round(whole.query_s, 3),
        "to_tenth": round(whole.query_s / tenth.query_s, 2),
        "fold_ratio": round(folding.ours / folding.sdks, 2),
        "totals_equal": folding.totals_equal and whole.totals_equal and tenth.totals_equal,
        "records": records,
        "behind": behind,
        "records_folded": folded,
        "folded_per_second": round(folding.ours),
        "bench_s": round(time.monotonic() - begun_at),
    }
    print(json.dumps(result))
    return 0


async def _measure(records: int, behind: int, folded: int) -> tuple[Folding, MonthQuery, MonthQuery]:
    with tempfile.TemporaryDirectory() as folder:
        folding = await measure_folding(folded, Path(folder))
        whole = await measure_month(records, behind, Path(folder))
        tenth = await measure_month(records // 10, behind // 10, Path(folder))
    return folding, whole, tenth


def _print(folding: Folding, whole: MonthQuery, tenth: MonthQuery, records: int) -> None:
    print(f"{'a month by principal':44}{'s':>8}")
    print(f"{f'of {records:,} records':44}{whole.query_s:8.3f}")
    print(f"{f'of {records // 10:,} records':44}{tenth.query_s:8.3f}")
    print(f"{'folding':44}{'records/s':>10}")
    print(f"{'ours: read, folded and written':44}{folding.ours:10,.0f}")
    print(f"{'the SDK: read':44}{folding.sdks:10,.0f}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.query", description=(__doc__ or "").strip().splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a twentieth of the records: ends within a minute")
    return parser


if __name__ == "__main__":
    sys.exit(main())
