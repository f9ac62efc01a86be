"""`records` from a shell, over real tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from rich.cells import cell_len

from local.azurite import Azurite
from shared.cli import records
from shared.domain.record_columns import record_columns
from shared.domain.usage_record import Charge, Outcome, UsageRecord, UsageSource
from tests.adapters.records import TENANT_ID, record
from tests.cli.ledger import json_lines, put, run

# A day of our own: other tests share the account.
DAY = datetime(2033, 2, 3, 12, tzinfo=UTC)
PERIOD = ("--from", "2033-02-03", "--to", "2033-02-04")
EVIL = "[red]x[/red] \x1b[31m\x1b]0;title\x07 \u202e=cmd|'/c calc'!A0"


def call(number: int, object_id: str = "alice", name: str = "Alice Example") -> UsageRecord:
    each = record(f"{number:08x}{object_id}", begun_at=DAY + timedelta(seconds=number), object_id=object_id)
    principal = replace(each.call.principal, name=name)
    return replace(each, call=replace(each.call, principal=principal))


RECORDS = [
    replace(call(1), charge=Charge(cost_usd=Decimal("1234.5"))),
    replace(
        call(2, "bob", EVIL),
        outcome=Outcome.REFUSED_BY_AZURE,
        status=429,
        model=None,
        usage=replace(call(2).usage, prompt_tokens=1_234_567, source=UsageSource.ESTIMATED),
    ),
    call(3, "日本".encode().hex(), "日本チーム"),
    replace(call(4), usage=replace(call(4).usage, prompt_tokens=None, source=UsageSource.PARTIAL), duration_ms=190_123),
]


@pytest.fixture(autouse=True)
def ledger(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AzureWebJobsStorage", azurite.connection_string)
    put(azurite.connection_string, RECORDS)


@pytest.mark.parametrize("columns", [80, 120, 400])
def test_a_table_fits_its_terminal_and_shows_what_matters_most(columns: int) -> None:
    """Who, when, how much, how it ended: where there is no room, the rest is left out and not these cut."""
    lines = run("records", *PERIOD, columns=columns).stdout.splitlines()
    refused = next(line for line in lines if "refused_by_azure 429" in line)

    assert all(cell_len(line) <= columns for line in lines)
    assert lines[0].strip() == "calls from 2033-02-03 00:00 to 2033-02-04 00:00 UTC"
    assert refused.startswith("02-03 12:00:02  00000002")
    assert "~1,234,567" in refused
    assert ("gpt-4o-2024-11-20" in "".join(lines)) is (columns == 400)
    assert ("1,234.5000" in "".join(lines)) is (columns >= 120)


def test_numbers_stand_right_under_each_other() -> None:
    """One sees the large one without reading it; what is not known is a dash, and not 0."""
    lines = run("records", *PERIOD, "--order", "oldest").stdout.splitlines()
    end = lines[1].index("prompt") + len("prompt")

    assert [line[:end].split()[-1] for line in lines[3:5]] == ["12", "~1,234,567"]
    assert lines[6][:end].rstrip().endswith(" -")
    assert ">30" in lines[6]
    assert "190.12" in lines[6]


def test_the_newest_come_first_unless_the_oldest_are_asked_for() -> None:
    """Across principals, by when calls began."""
    ids = [row["call_id"][:8] for row in json_lines(run("records", *PERIOD, "--json"))]
    oldest = [row["call_id"][:8] for row in json_lines(run("records", *PERIOD, "--json", "--order", "oldest"))]

    assert ids == ["00000004", "00000003", "00000002", "00000001"]
    assert oldest == ids[::-1]


def test_a_line_of_json_has_every_column() -> None:
    """For scripts: the columns of the table `usage`, money as text."""
    (row,) = json_lines(run("records", *PERIOD, "--json", "--order", "oldest", "--limit", "1"))

    assert row.keys() == record_columns(RECORDS[0]).keys()
    assert (row["cost_usd"], row["begun_at"], row["prompt_tokens"]) == ("1234.5", "2033-02-03T12:00:01Z", 12)


def test_a_limit_is_kept_over_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit above what a page may hold is read page by page."""
    monkeypatch.setattr(records, "_MAX_PAGE", 2)
    for limit, count in [(1, 1), (3, 3), (50, 4)]:
        assert len(json_lines(run("records", *PERIOD, "--json", "--limit", str(limit)))) == count


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (("--principal", "BOB"), ["00000002"]),
        (("--principal", f"{TENANT_ID}/alice"), ["00000004", "00000001"]),
        (("--principal", "gateway/alice"), []),
        (("--outcome", "refused_by_azure"), ["00000002"]),
        (("--model", ""), ["00000002"]),
        (("--deployment", "gpt-4o", "--operation", "embeddings"), []),
    ],
)
def test_options_narrow_it(options: tuple[str, ...], ids: list[str]) -> None:
    """Each, and together. An object id alone is that of any tenant."""
    found = json_lines(run("records", *PERIOD, *options, "--json"))

    assert [row["call_id"][:8] for row in found] == ids


def test_a_hostile_name_is_shown_and_does_nothing() -> None:
    """A name is whatever somebody called themselves: markup, escapes, marks of direction."""
    for columns in (80, 400):
        output = run("records", *PERIOD, columns=columns).stdout

        assert "[red]x[" in output
        assert all(each.isprintable() or each == "\n" for each in output)
    assert "\x1b" not in run("records", *PERIOD, "--json").stdout


def test_no_calls_are_said_to_be_none() -> None:
    """And not an empty table, or an error."""
    result = run("records", "--from", "2032-05-01", "--to", "2032-05-02")

    assert (result.exit_code, result.stdout) == (0, "no calls from 2032-05-01 00:00 to 2032-05-02 00:00 UTC\n")


def test_without_times_it_is_the_last_31_days_before_the_end() -> None:
    """On the first of a month one wants yesterday, too."""
    assert "no calls from 2032-03-31 00:00 to 2032-05-01 00:00 UTC" in run("records", "--to", "2032-05-01").stdout


@pytest.mark.parametrize(
    "options", [("--outcome", "fine"), ("--from", "then"), ("--limit", "0"), ("--principal", "/"), ("--order", "x")]
)
def test_what_cannot_be_understood_ends_with_2(options: tuple[str, ...]) -> None:
    """As a shell's own mistakes do; nothing is read."""
    assert run("records", *options).exit_code == 2
