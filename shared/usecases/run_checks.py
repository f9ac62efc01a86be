"""Run checks: all at once, each within its time, so that one that hangs or breaks stops no other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from shared.domain.check import CheckResult, failed
from shared.domain.errors import LedgerError

Check = Callable[[], Awaitable[Sequence[CheckResult]]]


async def run_checks(checks: Mapping[str, Check], *, seconds: float) -> list[CheckResult]:
    """Return what each check found, in the order they were given. Never raises for a check."""
    found = await asyncio.gather(*(_run(name, check, seconds) for name, check in checks.items()))
    return [result for results in found for result in results]


async def _run(name: str, check: Check, seconds: float) -> Sequence[CheckResult]:
    try:
        async with asyncio.timeout(seconds):
            return await check()
    except TimeoutError:
        return [failed(name, f"no answer within {seconds:g} s", "look at the network between here and there")]
    except LedgerError as error:
        return [failed(name, str(error), "see the code in docs/errors.md: " + error.code)]
    except Exception as error:  # noqa: BLE001 - a fault of one check must not hide what the others found
        return [failed(name, f"the check itself broke ({type(error).__name__})", "report it")]
