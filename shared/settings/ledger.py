"""How calls are kept, and where while storage does not take them."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from shared.settings.reader import Reader
from shared.usecases.record_calls import WhenUnavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSettings:
    """How calls are kept, and where while storage does not take them. Seconds and bytes."""

    worker_lease_seconds: float
    when_unavailable: WhenUnavailable
    spool_dir: Path
    spool_max_bytes: int


def read_ledger(read: Reader) -> LedgerSettings:
    """Read them, and tell the reader what is wrong with them."""
    spool_dir = read.text("SPOOL_DIR")
    return LedgerSettings(
        worker_lease_seconds=read.number("WORKER_LEASE_SECONDS", 90.0, above=0),
        when_unavailable=read.choice("LEDGER_WHEN_UNAVAILABLE", WhenUnavailable.REFUSE),
        # Each user of a machine has one, for nobody may write in another's.
        spool_dir=Path(spool_dir) if spool_dir else Path(tempfile.gettempdir(), f"aoai-ledger-{os.getuid()}"),
        spool_max_bytes=read.number("SPOOL_MAX_BYTES", 67_108_864, above=0),
    )
