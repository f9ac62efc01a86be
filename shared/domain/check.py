"""What a check of an installation found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CheckStatus(StrEnum):
    """How good what a check found is."""

    OK = "ok"
    WARNING = "warning"  # works, and somebody should look
    FAILED = "failed"  # does not work
    SKIPPED = "skipped"  # could not be looked at, or there is nothing to look at yet


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """
    What a check found: what was seen, what to do about it, and a command that does, where there is one.

    None of them holds a secret. What a command cannot know is written in it in capitals.
    """

    name: str
    status: CheckStatus
    seen: str
    advice: str = ""
    command: str = ""


def ok(name: str, seen: str) -> CheckResult:
    """Return that all is well."""
    return CheckResult(name=name, status=CheckStatus.OK, seen=seen)


def warning(name: str, seen: str, advice: str, command: str = "") -> CheckResult:
    """Return that it works, and somebody should look."""
    return CheckResult(name=name, status=CheckStatus.WARNING, seen=seen, advice=advice, command=command)


def failed(name: str, seen: str, advice: str, command: str = "") -> CheckResult:
    """Return that it does not work."""
    return CheckResult(name=name, status=CheckStatus.FAILED, seen=seen, advice=advice, command=command)


def skipped(name: str, seen: str, advice: str = "") -> CheckResult:
    """Return that it could not be looked at, and why."""
    return CheckResult(name=name, status=CheckStatus.SKIPPED, seen=seen, advice=advice)
