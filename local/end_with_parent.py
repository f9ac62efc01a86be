"""
Runs a module and ends it, as SIGTERM would, once whoever started it is gone: even if it was killed.

    python -m local.end_with_parent local.function_host --port 0

The starter holds the other end of our standard input, as `local.child` does.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading


def main() -> None:
    """Run the module that the first argument names with the others."""
    threading.Thread(target=_end_at_end_of_input, daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _end_at_end_of_input() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
