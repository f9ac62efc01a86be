"""`rebuild`: fold rollups anew from the usage records."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated

import typer

from shared.adapters.system_clock import SystemClock
from shared.bootstrap.rolling_up import open_rollups
from shared.cli.console import run
from shared.domain.errors import MalformedRequest
from shared.settings import storage_settings
from shared.web.usage_parameters import parse_period

_MAX_DAYS = 3660


def rebuild(
    begun_from: Annotated[
        str | None, typer.Option("--from", help="The first day, in UTC (default: this month).")
    ] = None,
    begun_before: Annotated[str | None, typer.Option("--to", help="Until when, in UTC (default: now).")] = None,
) -> None:
    """Fold what reports are made of anew from the usage records. Reports stay exact meanwhile."""
    folded = run(_rebuild(*_days(begun_from, begun_before)))
    typer.echo(f"{folded} principals' days folded anew")


def _days(begun_from: str | None, begun_before: str | None) -> tuple[date, date]:
    asked = {"from": begun_from, "to": begun_before}
    try:
        first, end = parse_period(
            {name: text for name, text in asked.items() if text is not None}, SystemClock().now(), max_days=_MAX_DAYS
        )
    except MalformedRequest as error:
        raise typer.BadParameter(str(error)) from error
    return first.date(), (end - timedelta(microseconds=1)).date()


async def _rebuild(first: date, last: date) -> int:
    async with open_rollups(storage_settings()) as rollups:
        return await rollups.rebuild_rollups()(first, last)
