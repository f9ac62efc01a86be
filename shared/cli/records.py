"""`records`: calls one by one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Annotated

import typer

from shared.adapters.system_clock import SystemClock
from shared.adapters.table_service import open_tables
from shared.bootstrap.records import query_records
from shared.cli.console import print_json, run
from shared.cli.options import (
    OPERATOR,
    AsJsonLines,
    From,
    InOrder,
    OfDeployment,
    OfModel,
    OfOperation,
    OfOutcome,
    OfPrincipal,
    To,
    naming_what_is_wrong,
    said,
)
from shared.cli.tables import Column, console, table
from shared.cli.text import dollars, harmless, outcome, principal_of, second, seconds, short_id, tokens
from shared.domain.record_columns import record_columns
from shared.domain.record_pages import Order
from shared.domain.usage_record import UsageRecord
from shared.settings import storage_settings
from shared.usecases.query_records import RecordsQuery
from shared.web.records import parse_records_query
from shared.web.usage_parameters import parse_time

_DEFAULT_DAYS = 31
_DEFAULT_LIMIT = 50
_MAX_PAGE = 1000
# There is room for whole ids.
_WIDE = 200


def records(
    principal: OfPrincipal = None,
    deployment: OfDeployment = None,
    model: OfModel = None,
    operation: OfOperation = None,
    outcome: OfOutcome = None,
    begun_from: From = None,
    begun_before: To = None,
    order: InOrder = Order.NEWEST,
    limit: Annotated[int, typer.Option(min=1, help="How many calls at most.")] = _DEFAULT_LIMIT,
    as_json: AsJsonLines = False,
) -> None:
    """
    List calls one by one, of the last 31 days where nothing is said. Times are UTC.

    `~` before tokens: an estimate. `>`: a lower bound. `-`: not known. `call ID` tells more of one.
    """
    parameters = said(
        principal=principal,
        deployment=deployment,
        model=model,
        operation=operation,
        outcome=outcome,
        order=order,
        begun_from=begun_from,
        begun_before=begun_before,
    )
    query = _query(parameters, limit)
    if as_json:
        run(_print_lines(query, limit))
        return
    found = run(_gather(query, limit))
    if not found:
        typer.echo(f"no calls from {_period(query)}")
        return
    out = console()
    out.print(table(_columns(found, out.width), out.width, f"calls from {_period(query)}"))


def _query(parameters: dict[str, str], limit: int) -> RecordsQuery:
    now = SystemClock().now()
    with naming_what_is_wrong():
        before = parse_time(parameters, "to") or now
        first = (before - timedelta(days=_DEFAULT_DAYS)).isoformat()
        return replace(parse_records_query({"from": first, **parameters}, now), limit=min(limit, _MAX_PAGE))


def _period(query: RecordsQuery) -> str:
    return f"{query.begun_from:%Y-%m-%d %H:%M} to {query.begun_before:%Y-%m-%d %H:%M} UTC"


async def _pages(query: RecordsQuery, limit: int) -> AsyncIterator[Sequence[UsageRecord]]:
    """Yield the records, so many at most, a page at a time."""
    async with open_tables(storage_settings()) as tables:
        ask = query_records(tables, SystemClock())
        while limit > 0:
            page = await ask(replace(query, limit=min(limit, _MAX_PAGE)), OPERATOR)
            yield page.records
            limit -= len(page.records)
            if page.next_place is None:
                return
            query = replace(query, after=page.next_place)


async def _print_lines(query: RecordsQuery, limit: int) -> None:
    async for page in _pages(query, limit):
        for record in page:
            print_json(record_columns(record))


async def _gather(query: RecordsQuery, limit: int) -> list[UsageRecord]:
    return [record async for page in _pages(query, limit) for record in page]


def _columns(found: Sequence[UsageRecord], width: int) -> list[Column]:
    """Return the columns for people; JSON has every one."""
    calls = [each.call for each in found]
    usages = [each.usage for each in found]
    return [
        Column(heading="begun", cells=[second(call.begun_at) for call in calls]),
        Column(heading="id", cells=[call.call_id if width >= _WIDE else short_id(call.call_id) for call in calls]),
        Column(
            heading="principal",
            cells=[principal_of(call.principal.name, call.principal.object_id) for call in calls],
            may_shrink=True,
        ),
        Column(heading="deployment", cells=[harmless(call.deployment) for call in calls], rank=2, may_shrink=True),
        Column(heading="model", cells=[harmless(each.model) for each in found], rank=5, may_shrink=True),
        Column(heading="operation", cells=[harmless(call.operation) for call in calls], rank=4),
        Column(heading="prompt", cells=[tokens(usage, usage.prompt_tokens) for usage in usages], is_number=True),
        Column(heading="compl.", cells=[tokens(usage, usage.completion_tokens) for usage in usages], is_number=True),
        Column(heading="USD", cells=[dollars(each.charge.cost_usd) for each in found], rank=3, is_number=True),
        Column(heading="s", cells=[seconds(each.duration_ms) for each in found], rank=1, is_number=True),
        Column(heading="outcome", cells=[outcome(each) for each in found]),
    ]
