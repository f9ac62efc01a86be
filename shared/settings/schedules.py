"""When the timers run, as NCRONTAB. It is the host that reads them, and refuses them if it must."""

from __future__ import annotations

import os
from collections.abc import Mapping

from shared.settings.reader import Reader

EVERY_MINUTE = "0 * * * * *"


def sweep_schedule(environment: Mapping[str, str] = os.environ) -> str:
    """Return when open calls are swept, as NCRONTAB. It is the host that reads it, and refuses it if it must."""
    return Reader(environment).text("SWEEP_SCHEDULE") or EVERY_MINUTE


def reconcile_schedule(environment: Mapping[str, str] = os.environ) -> str:
    """Return when the ledger is held against Azure's logs, as NCRONTAB."""
    return Reader(environment).text("RECONCILE_SCHEDULE") or EVERY_MINUTE
