"""`findings` from a shell, over real tables."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from local.azurite import Azurite
from shared.adapters.system_clock import SystemClock
from shared.adapters.table_findings import TABLE, TableFindings
from shared.adapters.table_service import StorageSettings, open_tables
from shared.cli import findings
from shared.domain.findings.finding import Finding, FindingState
from tests.adapters.records import record
from tests.cli.ledger import put, run
from tests.findings import about_call, finding

NOW = SystemClock().now()


def seen(of: str, *, hours_ago: float = 1, call_id: str = "c1") -> Finding:
    at = NOW - timedelta(hours=hours_ago)
    return replace(finding(about_call(call_id), of=of, day=at.date()), first_seen_at=at, last_seen_at=at)


OPEN = seen("gpt-4o")
HOSTILE = seen("[red]\u202e=cmd", hours_ago=2)
CLOSED = replace(seen("old", hours_ago=3), state=FindingState.CLOSED, closed_at=NOW, closed_because="explained")


@pytest.fixture(autouse=True)
def kept(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    """No findings but these."""
    monkeypatch.setenv("AzureWebJobsStorage", azurite.connection_string)

    async def keep() -> None:
        async with open_tables(StorageSettings(connection_string=azurite.connection_string)) as tables:
            await tables.delete_table(TABLE)
            for each in (OPEN, HOSTILE, CLOSED):
                assert await TableFindings(tables.get_table_client(TABLE)).put(each)

    asyncio.run(keep())


def listed(*arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run("findings", "list", *arguments, "--json").stdout)
    return found


def test_what_is_open_is_listed_the_last_seen_first() -> None:
    """With its id alone in a line, to be copied, and in a narrow terminal."""
    result = run("findings", "list", columns=80)
    lines = result.stdout.splitlines()

    assert result.exit_code == 0
    assert lines[0] == f"high    open      2 times, last {OPEN.last_seen_at:%Y-%m-%d %H:%M} UTC"
    assert [line.strip() for line in lines[2::4]] == [OPEN.id, HOSTILE.id]
    assert all(len(line) <= 80 and line.isprintable() for line in lines)


def test_json_is_that_of_the_endpoint() -> None:
    """In a list, for scripts."""
    (first, _) = listed()

    assert (first["id"], first["kind"], first["state"]) == (OPEN.id, "token_counts_differ", "open")


def test_options_narrow_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """By state, kind and severity; and pages are followed."""
    monkeypatch.setattr(findings, "_PAGE", 1)

    assert [each["id"] for each in listed("--state", "all")] == [OPEN.id, HOSTILE.id, CLOSED.id]
    assert [each["id"] for each in listed("--state", "closed")] == [CLOSED.id]
    assert listed("--kind", "keys_listed") == listed("--severity", "low,info") == []
    assert run("findings", "list", "--kind", "keys_listed").stdout == "no findings\n"


def test_one_is_shown_with_what_shows_it() -> None:
    """Whatever is in it does nothing."""
    shown = run("findings", "show", HOSTILE.id).stdout

    assert shown.startswith(f"finding {HOSTILE.id}\n")
    assert "  evidence 1\n    call_id                 c1\n" in shown
    assert all(line.isprintable() for line in shown.splitlines())


def test_one_is_accepted_with_a_reason_and_opened_again() -> None:
    """Both are kept: who said so, why, and when."""
    accepted = json.loads(run("findings", "accept", OPEN.id, "--reason", " a test ", "--by", "Ann", "--json").stdout)
    states = [each["id"] for each in listed("--state", "accepted")]
    reopened = json.loads(run("findings", "reopen", OPEN.id, "--json").stdout)

    assert (accepted["state"], accepted["reason"]) == ("accepted", "a test")
    assert accepted["accepted_by"] == "Ann (gateway/operator)"
    assert states == [OPEN.id]
    assert (reopened["state"], reopened["reason"], reopened["accepted_by"]) == ("open", None, None)


@pytest.mark.parametrize(
    ("arguments", "exit_code"),
    [
        (("show", "20261123-keys_listed-none"), 1),
        (("accept", "none", "--reason", "x"), 1),
        (("accept", CLOSED.id, "--reason", "x"), 1),
        (("accept", OPEN.id, "--reason", " "), 2),
        (("accept", OPEN.id), 2),
        (("list", "--state", "new"), 2),
        (("list", "--severity", "grave"), 2),
        (("list", "--from", "then"), 2),
    ],
)
def test_what_cannot_be_done_changes_nothing(arguments: tuple[str, ...], exit_code: int) -> None:
    """A script sees it by the exit code."""
    result = run("findings", *arguments)

    assert result.exit_code == exit_code
    assert result.stderr
    assert [each["id"] for each in listed()] == [OPEN.id, HOSTILE.id]


def test_a_calls_story_has_the_findings_that_name_it(azurite: Azurite) -> None:
    """One need not look for them."""
    put(azurite.connection_string, [record("c1", begun_at=OPEN.last_seen_at)])
    story = run("call", "c1").stdout

    assert f"finding {OPEN.id}" in story
    assert "  kind                    token_counts_differ" in story
