"""`call`: one call's story."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from shared.adapters.system_clock import SystemClock
from shared.adapters.table_service import open_tables
from shared.bootstrap.records import tell_call
from shared.cli.console import print_json, run
from shared.cli.facts import facts
from shared.cli.findings import finding_lines
from shared.cli.options import OPERATOR, AsJson, naming_what_is_wrong, said
from shared.domain.call_story import CallStory, Match
from shared.domain.record_columns import record_columns
from shared.settings import storage_settings
from shared.usecases.tell_call import CallQuery
from shared.web.records import parse_call_query, story_body

_MATCHES = {
    Match.ID: "matched by Azure's id",
    Match.LIKENESS: "matched by time, deployment and counts",
    Match.NONE: "Azure logged no such call, and will not",
    Match.LATE: "not logged by Azure so far; it may take two days",
}


def call(
    call_id: Annotated[str, typer.Argument(metavar="ID", help="The call's id, or a start of it only one has.")],
    begun_at: Annotated[
        str | None, typer.Option(help="About when it began, in UTC: for calls older than 31 days.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell all that is known of one call: its record, Azure's own line, and what does not add up. Times are UTC."""
    with naming_what_is_wrong():
        query = parse_call_query(call_id, said(begun_at=begun_at), may_be_prefix=True)
    story = run(_tell(query))
    if as_json:
        print_json(story_body(story))
        return
    for line in _lines(story):
        typer.echo(line)


async def _tell(query: CallQuery) -> CallStory:
    async with open_tables(storage_settings()) as tables:
        return await tell_call(tables, SystemClock())(query, OPERATOR)


def _lines(story: CallStory) -> Iterator[str]:
    yield "call"
    yield from facts(record_columns(story.record))
    yield ""
    yield f"Azure's log: {_MATCHES[story.match]}"
    if story.logged:
        yield from facts(story.logged.columns())
    for finding in story.findings:
        yield ""
        yield from finding_lines(finding)
