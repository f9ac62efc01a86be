"""`tail`: calls as they end."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, NamedTuple

import typer
from rich.cells import cell_len, set_cell_size

from shared.adapters.system_clock import SystemClock
from shared.adapters.table_record_search import TableRecordSearch
from shared.adapters.table_service import open_tables
from shared.cli.console import print_json, run
from shared.cli.options import (
    AsJsonLines,
    OfDeployment,
    OfModel,
    OfOperation,
    OfOutcome,
    OfPrincipal,
    naming_what_is_wrong,
)
from shared.cli.text import dollars, harmless, outcome, principal_of, seconds, short_id, tokens
from shared.domain.errors import StorageNotAuthorized, StorageUnavailable
from shared.domain.record_columns import record_columns
from shared.domain.record_pages import RecordFilter
from shared.domain.usage_record import UsageRecord
from shared.ports.clock import Clock
from shared.settings import storage_settings
from shared.usecases.follow_records import FollowRecords
from shared.web.usage_parameters import parse_principal

# Of the time, at most a quarter is spent reading: a ledger that takes long to read is read less often.
_REST_PER_POLL = 3
# What a line with a cost and a deployment takes.
_WIDE = 110


def tail(
    principal: OfPrincipal = None,
    deployment: OfDeployment = None,
    model: OfModel = None,
    operation: OfOperation = None,
    outcome: OfOutcome = None,
    last: Annotated[int, typer.Option(min=0, help="How many calls to begin with that have ended already.")] = 10,
    every: Annotated[float, typer.Option(min=0.2, max=3600, help="Seconds between two looks.")] = 2.0,
    longest: Annotated[int, typer.Option(min=1, max=1440, help="Minutes that the longest call takes.")] = 30,
    as_json: AsJsonLines = False,
) -> None:
    """
    Print each call when it has ended, until Ctrl-C. Times are UTC.

    A call is printed once. One that takes longer than `--longest`, or is recorded so much later, is not printed.
    """
    only = RecordFilter(deployment=deployment, model=model, operation=operation, outcome=outcome)
    with naming_what_is_wrong():
        whose = _Whose(*parse_principal(principal))
    try:
        run(_tail(only, whose, last=last, every=every, longest=timedelta(minutes=longest), as_json=as_json))
    except KeyboardInterrupt:
        # How it is meant to end.
        return


class _Whose(NamedTuple):
    """Whose calls, None for anybody's."""

    tenant_id: str | None = None
    object_id: str | None = None


async def _tail(
    only: RecordFilter, whose: _Whose, *, last: int, every: float, longest: timedelta, as_json: bool
) -> None:
    clock = SystemClock()
    async with open_tables(storage_settings()) as tables:
        follow = FollowRecords(TableRecordSearch(tables), clock, longest_call=longest, **whose._asdict())
        known = await follow.poll(only)
        _print(known[max(len(known) - last, 0) :], as_json=as_json)
        while True:
            await asyncio.sleep(every)
            polled_at = clock.monotonic()
            _print(await _poll(follow, only, clock), as_json=as_json)
            await asyncio.sleep(max(_REST_PER_POLL * (clock.monotonic() - polled_at) - every, 0.0))


async def _poll(follow: FollowRecords, only: RecordFilter, clock: Clock) -> list[UsageRecord]:
    """Return what is new; nothing while storage is in trouble, for what it has is told when it is back."""
    try:
        return await follow.poll(only)
    except StorageNotAuthorized:
        raise
    except StorageUnavailable as error:
        typer.echo(f"{clock.now():%H:%M:%S} {error}; trying again", err=True)
        return []


def _print(records: Sequence[UsageRecord], *, as_json: bool) -> None:
    width = shutil.get_terminal_size((_WIDE, 0)).columns
    for record in records:
        if as_json:
            print_json(record_columns(record))
        else:
            typer.echo(line(record, width))


def line(record: UsageRecord, width: int) -> str:
    """Return a call in a line of so many columns; the columns of all lines stand below each other."""
    call, usage = record.call, record.usage
    is_wide = width >= _WIDE
    call_id = short_id(call.call_id)
    # An id that takes more, as of a call past the gateway, takes it from the principal.
    room = (34 if is_wide else 21) - len(call_id) - 2
    cells = [
        record.ended_at.strftime("%H:%M:%S"),
        call_id,
        _cut(principal_of(call.principal.name, call.principal.object_id), room),
        *([_cut(harmless(call.deployment or record.model), 16)] if is_wide else []),
        tokens(usage, usage.prompt_tokens).rjust(7),
        tokens(usage, usage.completion_tokens).rjust(6),
        *([dollars(record.charge.cost_usd).rjust(9)] if is_wide else []),
        f"{seconds(record.duration_ms)} s".rjust(8),
        outcome(record),
    ]
    return "  ".join(cells)


def _cut(text: str, width: int) -> str:
    """Return text that takes exactly so many columns, with a mark where it was cut."""
    return set_cell_size(text, width) if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"
