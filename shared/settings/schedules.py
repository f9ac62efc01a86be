"""When the timers run, as NCRONTAB. It is the host that reads them, and refuses them if it must."""

from __future__ import annotations

import os
from collections.abc import Mapping

from shared.settings.reader import Reader

EVERY_MINUTE = "0 * * * * *"


def sweep_schedule(environment: Mapping[str, str] = os.environ) -> str:
    """Return when open calls are swept, as NCRONTAB. It is the host that reads it, and refuses it if it must."""
    return Reader(environment).text("SWEEP_SCHEDULE") or EVERY_MINUTE


def rollup_schedule(environment: Mapping[str, str] = os.environ) -> str:
    """Return when usage is rolled up, as `sweep_schedule`."""
    return Reader(environment).text("ROLLUP_SCHEDULE") or EVERY_MINUTE
