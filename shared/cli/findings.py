"""`findings list`, `show`, `accept`, `reopen`: what does not add up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Annotated

import typer

from shared.adapters.system_clock import SystemClock
from shared.adapters.table_findings import TABLE, TableFindings
from shared.adapters.table_service import open_tables
from shared.cli.console import minute, print_json, run
from shared.cli.facts import facts
from shared.cli.options import OPERATOR, AsJson, From, To, naming_what_is_wrong, said
from shared.cli.text import harmless
from shared.domain.errors import FindingNotFound
from shared.domain.findings.finding import Finding
from shared.domain.findings.texts import title
from shared.domain.principal import Principal
from shared.settings import storage_settings
from shared.usecases.accept_finding import ACCEPT_ROLE, AcceptFinding
from shared.usecases.query_findings import FindingsQuery, QueryFindings
from shared.web.findings import finding_body, parse_query

app = typer.Typer(help="Findings: what does not add up between the ledger and Azure's logs.", no_args_is_help=True)

_PAGE = 1000
_Id = Annotated[str, typer.Argument(metavar="ID", help="The finding's id, as `findings list` prints it.")]


@app.command("list")
def list_findings(
    state: Annotated[str, typer.Option(help="open, accepted, closed, separated by commas, or all.")] = "open",
    kind: Annotated[str | None, typer.Option(help="Only these kinds, separated by commas.")] = None,
    severity: Annotated[str | None, typer.Option(help="Any of high, medium, low, info.")] = None,
    seen_from: From = None,
    seen_before: To = None,
    as_json: AsJson = False,
) -> None:
    """List findings, the last seen first: those of 92 days that are open, where nothing is said. Times are UTC."""
    parameters = said(state=state, kind=kind, severity=severity, begun_from=seen_from, begun_before=seen_before)
    with naming_what_is_wrong():
        query = replace(parse_query(parameters, SystemClock().now()), limit=_PAGE)
    found = run(_list(query))
    if as_json:
        print_json([finding_body(finding) for finding in found])
    elif not found:
        typer.echo("no findings")
    else:
        typer.echo("\n\n".join(map(_heading, found)))


@app.command()
def show(finding_id: _Id, as_json: AsJson = False) -> None:
    """Show one finding, and what shows it. Times are UTC."""
    _print(run(_get(finding_id)), as_json=as_json)


@app.command()
def accept(
    finding_id: _Id,
    reason: Annotated[str, typer.Option(help="Why it is all right: it is kept.")],
    by: Annotated[str, typer.Option(help="Who says so: it is kept, too.")] = "operator",
    as_json: AsJson = False,
) -> None:
    """Say why a finding is all right. It is counted on, and nobody is told of it any more."""
    if not reason.strip():
        raise typer.BadParameter("say why: --reason")
    _print(run(_decide(finding_id, reason.strip(), by)), as_json=as_json)


@app.command()
def reopen(finding_id: _Id, as_json: AsJson = False) -> None:
    """Say that a finding is not all right after all."""
    _print(run(_decide(finding_id, None, "operator")), as_json=as_json)


@asynccontextmanager
async def _findings() -> AsyncIterator[TableFindings]:
    async with open_tables(storage_settings()) as tables:
        yield TableFindings(tables.get_table_client(TABLE))


async def _list(query: FindingsQuery) -> list[Finding]:
    async with _findings() as findings:
        ask, found = QueryFindings(findings), list[Finding]()
        while True:
            page, end = await ask(query, OPERATOR)
            found += page
            if end is None:
                return found
            query = replace(query, after=end)


async def _get(finding_id: str) -> Finding:
    async with _findings() as findings:
        finding = await findings.get(finding_id)
        if finding is None:
            raise FindingNotFound(f"no finding has the id {finding_id!r}")
        return finding


async def _decide(finding_id: str, reason: str | None, by: str) -> Finding:
    # Whoever may write the tables may write this one; the name is what it is claimed to be.
    asker = replace(Principal.from_name(OPERATOR.object_id, roles=frozenset({ACCEPT_ROLE})), name=by)
    async with _findings() as findings:
        return await AcceptFinding(findings, SystemClock())(finding_id, reason, asker)


def _print(finding: Finding, *, as_json: bool) -> None:
    if as_json:
        print_json(finding_body(finding))
        return
    for line in finding_lines(finding):
        typer.echo(line)


def finding_lines(finding: Finding) -> Iterator[str]:
    """Yield what there is to say of a finding, and what shows it."""
    body = finding_body(finding)
    yield f"finding {harmless(finding.id)}"
    yield from facts({name: value for name, value in body.items() if name not in {"id", "evidence"}})
    for number, evidence in enumerate(finding.evidence, 1):
        yield f"  evidence {number}"
        yield from facts(evidence, indent=4)


def _heading(finding: Finding) -> str:
    """Return a finding at a glance, in three lines that fit a narrow terminal; the last is its id alone."""
    times = "1 time" if finding.occurrences == 1 else f"{finding.occurrences:,} times"
    return (
        f"{finding.severity:<8}{finding.state:<10}{times}, last {minute(finding.last_seen_at, '-')} UTC\n"
        f"        {harmless(title(finding))}\n"
        f"        {harmless(finding.id)}"
    )
