"""What a process has cost so far."""

from __future__ import annotations

import os
from pathlib import Path

from local.errors import WorkbenchError


def cpu_seconds(pid: int) -> float:
    """
    Return the CPU time of a process, user and system, and of its children that have ended.

    Raises:
        WorkbenchError: there is no /proc, which only Linux has.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError as error:
        raise WorkbenchError("the CPU time of another process is read from Linux's /proc, which is not there") from error
    # proc(5): the name in brackets may hold anything; utime, stime, cutime and cstime are fields 14 to 17.
    fields = stat.rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
