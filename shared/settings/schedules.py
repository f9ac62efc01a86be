"""When the timers run, as NCRONTAB. It is the host that reads them, and refuses them if it must."""

from __future__ import annotations

import os
from collections.abc import Mapping

from shared.settings.reader import Reader

EVERY_MINUTE = "0 * * * * *"
# When the calls that began just before midnight have ended, and clouds are not at their busiest.
EVERY_NIGHT = "0 10 2 * * *"


def sweep_schedule(environment: Mapping[str, str] = os.environ) -> str:
    """Return when open calls are swept, as NCRONTAB. It is the host that reads it, and refuses it if it must."""
    return Reader(environment).text("SWEEP_SCHEDULE") or EVERY_MINUTE


def export_schedule(environment: Mapping[str, str] = os.environ) -> str:
    """Return when usage is exported, as NCRONTAB."""
    return Reader(environment).text("EXPORT_SCHEDULE") or EVERY_NIGHT


def reconcile_schedule(environment: Mapping[str, str] = os.environ) -> str:
    """Return when the ledger is held against Azure's logs, as NCRONTAB."""
    return Reader(environment).text("RECONCILE_SCHEDULE") or EVERY_MINUTE


def rollup_schedule(environment: Mapping[str, str] = os.environ) -> str:
    """Return when usage is rolled up, as `sweep_schedule`."""
    return Reader(environment).text("ROLLUP_SCHEDULE") or EVERY_MINUTE
