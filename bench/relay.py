"""
What the relay costs: our app with its ledger, the same app with a ledger that does nothing, and a bare relay.

They run on the same host, one after the other in each round, in front of the same mock upstream, called by the same
load generator. Tables are a stand-in, for Azurite has enough at some 1,300 entities a second. A table of what was
measured goes to stdout, and as the last line one JSON object.

    python -m bench.relay --quick
"""

from __future__ import annotations

import argparse
import json
import sys

from bench.relaying.measure import Plan, measure
from bench.relaying.report import lines, result

FULL = Plan(rounds=5, calls=3000, streams=800, low_load=80)
QUICK = Plan(rounds=2, calls=1000, streams=300, low_load=24)


def main() -> int:
    """Measure and print."""
    arguments = _parser().parse_args()
    measured = measure(QUICK if arguments.quick else FULL)
    for line in lines(measured):
        print(line)
    print(json.dumps(result(measured)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.relay", description=(__doc__ or "").strip().splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="less of everything: ends within a minute")
    return parser


if __name__ == "__main__":
    sys.exit(main())
