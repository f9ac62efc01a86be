"""Checks run at once; one that hangs or breaks stops no other."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from shared.domain.check import CheckResult, CheckStatus, ok
from shared.domain.errors import StorageUnavailable
from shared.usecases.run_checks import run_checks


async def good() -> Sequence[CheckResult]:
    return [ok("good", "one"), ok("good", "two")]


async def hanging() -> Sequence[CheckResult]:
    await asyncio.sleep(3600)
    return []


async def down() -> Sequence[CheckResult]:
    raise StorageUnavailable("storage answered 503")


async def broken() -> Sequence[CheckResult]:
    raise KeyError("s3cret")


async def test_every_check_is_told_in_its_place() -> None:
    """What could not be found out is a failure with its reason, and not the end of the others."""
    results = await run_checks({"hanging": hanging, "good": good, "down": down, "broken": broken}, seconds=0.05)

    assert [(result.name, result.status) for result in results] == [
        ("hanging", CheckStatus.FAILED),
        ("good", CheckStatus.OK),
        ("good", CheckStatus.OK),
        ("down", CheckStatus.FAILED),
        ("broken", CheckStatus.FAILED),
    ]
    assert "0.05 s" in results[0].seen
    assert (results[3].seen, results[3].advice) == (
        "storage answered 503",
        "see the code in docs/errors.md: storage_unavailable",
    )
    assert "KeyError" in results[4].seen
    assert "s3cret" not in str(results)


async def test_they_run_at_once() -> None:
    """A dozen that time out take as long as one."""
    async with asyncio.timeout(2):
        results = await run_checks({str(number): hanging for number in range(12)}, seconds=0.3)

    assert len(results) == 12
