"""What a process has cost so far."""

from __future__ import annotations

import sys
import time

from local.errors import WorkbenchError


def cpu_seconds(pid: int) -> float:
    """
    Return the CPU time of another process, all its threads, user and system.

    Raises:
        WorkbenchError: this is not Linux.
    """
    if sys.platform != "linux":
        raise WorkbenchError("the CPU clock of another process is read as only Linux has it")
    # As clock_getcpuclockid(3) makes it; /proc counts in hundredths of a second.
    # https://github.com/torvalds/linux/blob/master/include/linux/posix-timers_types.h
    return time.clock_gettime((~pid << 3) | 2)
