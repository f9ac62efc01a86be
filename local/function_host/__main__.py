"""`python -m local.function_host`."""

from __future__ import annotations

import sys

from local.function_host.command import run_host
from local.function_host.worker import DirectWorker

if __name__ == "__main__":
    sys.exit(run_host(DirectWorker, "Run a function app on this machine, as Azure's host would."))
