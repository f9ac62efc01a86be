"""A process that keeps calls in a spool and then waits to be killed: python -m tests.adapters.spool_process FOLDER."""

from __future__ import annotations

import asyncio
import sys
from itertools import count
from pathlib import Path

from shared.adapters.disk_spool import DiskSpool
from tests.adapters.records import open_call, record


async def main(folder: Path) -> None:
    """Print the id of every call once it is kept; of every third the end, too."""
    spool = DiskSpool(folder, max_bytes=1_000_000_000)
    for number in count():
        await spool.keep(open_call(f"c{number}"))
        print(f"begun c{number}", flush=True)  # noqa: T201 - what the test reads
        if number % 3 == 0:
            await spool.keep(record(f"c{number}"))
            print(f"ended c{number}", flush=True)  # noqa: T201 - what the test reads


asyncio.run(main(Path(sys.argv[1])))
