"""
What it costs to ingest logs: reading a blob to typed values, beside parsing its JSON with msgspec alone;
and the whole way into the tables, beside writing the same rows with Microsoft's SDK.

A table of what was measured goes to stdout, and as the last line one JSON object.

    python -m bench.ingest --quick
"""

from __future__ import annotations

import argparse
import json
import sys

from bench.ingesting.parsing import Cost, measure_parsing
from bench.ingesting.writing import measure_writing

FULL_LINES = 1_000_000
QUICK_LINES = 100_000
FULL_WRITTEN_LINES = 50_000
QUICK_WRITTEN_LINES = 5_000


def main() -> int:
    """Measure and print."""
    is_quick = _parser().parse_args().quick
    lines = QUICK_LINES if is_quick else FULL_LINES
    written_lines = QUICK_WRITTEN_LINES if is_quick else FULL_WRITTEN_LINES
    parsing = measure_parsing(lines)
    print(f"{'reading ' + format(lines, ',') + ' lines':40}{'µs a line':>10}{'MB':>6}")
    for name, cost in [
        ("to typed values", parsing.ours),
        ("msgspec alone, properties included", parsing.json),
        ("msgspec alone, properties left as text", parsing.outer_json),
    ]:
        print(_row(name, cost, lines))
    print(f"ratio {parsing.ratio:.2f}; to JSON whose properties are left as text, {parsing.outer_ratio:.2f}")
    write_ratio = measure_writing(written_lines)
    print(f"{written_lines:,} lines into the tables: {write_ratio:.2f} of what the SDK costs for their rows alone")
    result = {
        "lines": lines,
        "parse_ratio": round(parsing.ratio, 3),
        "write_ratio": round(write_ratio, 3),
        "peak_mb": round(parsing.ours.peak_mb),
    }
    print(json.dumps(result))
    return 0


def _row(name: str, cost: Cost, lines: int) -> str:
    return f"{name:40}{cost.cpu_seconds / lines * 1e6:10.2f}{cost.peak_mb:6.0f}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.ingest", description=(__doc__ or "").strip().splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the lines: ends within half a minute")
    return parser


if __name__ == "__main__":
    sys.exit(main())
