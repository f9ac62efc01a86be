"""
How right our counts are: each recorded call of a corpus is counted and held against its bill.

A table per kind and shape goes to stdout, and as the last line one JSON object. Calls whose bill is
suspect or missing are left out. `--peers` counts the prompts with LiteLLM and tokencost too, in a
virtual environment of their own.

    python -m bench.token_accuracy ../shared/corpus/recorded_calls.jsonl.xz
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tqdm import tqdm

from bench.accuracy.ours import measure
from bench.accuracy.peers import PeersUnavailable, count_with_peers
from bench.accuracy.report import lines, result
from bench.accuracy.tally import Measured
from local.simulated_azure_openai.replay import load_records


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    given = _parser().parse_args(arguments)
    ours = measure(tqdm(load_records(given.file), desc="counting", unit=" calls", file=sys.stderr))
    peers = _peers(given.file) if given.peers else {}
    for line in lines(ours, peers):
        print(line)
    print(json.dumps(result(ours, peers)))
    return 0


def _peers(file: Path) -> Mapping[str, Sequence[Measured]]:
    try:
        return count_with_peers(file)
    except PeersUnavailable as unavailable:
        print(f"peers are skipped: {unavailable}", file=sys.stderr)
        return {}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.token_accuracy", description=(__doc__ or "").strip().splitlines()[0]
    )
    parser.add_argument("file", type=Path, help="a corpus: JSON lines of recorded calls, packed with xz or not")
    parser.add_argument("--peers", action="store_true", help="count with LiteLLM and tokencost too")
    return parser


if __name__ == "__main__":
    sys.exit(main())
