"""`call` from a shell, over real tables."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from local.azurite import Azurite
from shared.adapters.system_clock import SystemClock
from shared.bootstrap.records import tell_call
from shared.cli.options import OPERATOR
from shared.domain.call_story import Match
from shared.domain.usage_record import Outcome, UsageRecord
from shared.usecases.tell_call import CallQuery
from tests.adapters.records import record
from tests.adapters.usage_rows import put_records
from tests.cli.ledger import put, run
from tests.usecases.ingesting import log_account
from tests.usecases.reconciling import logged_call

BEGUN = datetime(2032, 6, 6, 12, tzinfo=UTC)
HINT = ("--begun-at", "2032-06-06")


@pytest.fixture(autouse=True)
def ledger(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AzureWebJobsStorage", azurite.connection_string)
    put(azurite.connection_string, [call("abc123"), call("abd456")])


def call(call_id: str) -> UsageRecord:
    each = record(call_id, begun_at=BEGUN)
    labelled = replace(each.call, user_label="[bold]\u202eteam")
    return replace(each, call=labelled, usage=replace(each.usage, prompt_tokens=1_234_567))


def test_a_story_has_a_line_for_each_thing_known() -> None:
    """Nothing of what is not; a label shows and does nothing."""
    result = run("call", "abc123", *HINT)
    lines = result.stdout.splitlines()

    assert result.exit_code == 0
    assert "  prompt_tokens           1,234,567" in lines
    assert "  begun_at                2032-06-06 12:00:00.000" in lines
    assert "  user_label              [bold]\ufffdteam" in lines
    assert "Azure's log: not logged by Azure so far; it may take two days" in lines
    assert not any("cost_usd" in line for line in lines)


def test_the_beginning_of_an_id_will_do() -> None:
    """It is what `records` shows; where two calls have it, more is asked for."""
    assert json.loads(run("call", "abc", *HINT, "--json").stdout)["record"]["call_id"] == "abc123"
    both = run("call", "ab", *HINT)

    assert (both.exit_code, "more than one call id begins with 'ab'" in both.stderr) == (1, True)


def test_json_is_that_of_the_endpoint() -> None:
    """A script may take either."""
    assert json.loads(run("call", "abd456", *HINT, "--json").stdout).keys() == {
        "record",
        "service_call",
        "findings",
        "match",
    }


def test_a_call_that_is_none_ends_with_1() -> None:
    """In one line that says where it was looked for."""
    for arguments, says in [(("ffff", *HINT), "around that time"), (("abc123",), "in the last 31 days")]:
        result = run("call", *arguments)

        assert (result.exit_code, result.stderr) == (1, f"error: no record of this call {says}\n")


@pytest.mark.parametrize("arguments", [("a b",), ("abc123", "--begun-at", "then")])
def test_what_cannot_be_understood_ends_with_2(arguments: tuple[str, ...]) -> None:
    """As a shell's own mistakes do."""
    assert run("call", *arguments).exit_code == 2


async def test_a_call_whose_id_was_lost_is_told_with_the_line_that_only_it_can_be(azurite: Azurite) -> None:
    """Its answer broke off before the headers that bring Azure's id."""
    at = datetime(2032, 6, 7, 12, tzinfo=UTC)
    each = record("lost-id", begun_at=at)
    cut = replace(each, call=replace(each.call, streamed=False, request_bytes=2048), outcome=Outcome.CUT_BY_UPSTREAM)
    async with log_account(azurite) as account:
        await account.store.put([logged_call("a-lost-id", at=at)])
        await put_records(account.tables, [replace(cut, apim_request_id=None, status=None)])
        story = await tell_call(account.tables, SystemClock())(CallQuery(call_id="lost-id", begun_at=at), OPERATOR)

    assert story.match is Match.LIKENESS
    assert story.logged
    assert story.logged.call
    assert story.logged.call.correlation_id == "a-lost-id"
