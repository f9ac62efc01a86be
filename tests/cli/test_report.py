"""`report` from a shell, over real tables."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from rich.cells import cell_len
from typer.testing import CliRunner, Result

from local.azurite import Azurite
from shared.cli.__main__ import app
from shared.domain.usage_record import Charge, UsageRecord
from tests.adapters.records import record
from tests.cli.ledger import record_calls

# A day of our own: other tests share the account.
DAY = datetime(2031, 5, 6, 12, tzinfo=UTC)
PERIOD = ("--from", "2031-05-06", "--to", "2031-05-07")


@pytest.fixture(autouse=True)
def ledger(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three calls of two principals."""
    monkeypatch.setenv("AzureWebJobsStorage", azurite.connection_string)
    records = [
        record("r1", begun_at=DAY, object_id="alice", prompt_tokens=1000),
        record("r2", begun_at=DAY, object_id="alice", prompt_tokens=234),
        record("r3", begun_at=DAY, object_id="bob", prompt_tokens=5),
    ]
    record_calls(azurite.connection_string, records)


def run(*arguments: str, columns: int = 140) -> Result:
    return CliRunner().invoke(app, ["report", *arguments], env={"COLUMNS": str(columns), "TERM": "dumb"})


def test_a_table_shows_who_used_how_many_tokens() -> None:
    """The first thing an operator asks; the totals stand below."""
    lines = run(*PERIOD).stdout.splitlines()

    alice = next(line.split() for line in lines if "(alice)" in line)
    assert alice[-4:] == ["2", "1,234", "60", "1,294"]
    assert lines[-2].split() == ["3", "1,239", "90", "1,329"]


def test_costs_and_shares_are_shown_where_there_are_any(azurite: Azurite) -> None:
    """Before prices are known, three columns of nothing would hide what is there."""
    day = DAY + timedelta(days=1)
    records = [
        _charged(record("r4", begun_at=day, object_id="alice"), Charge(cost_usd=Decimal("1234.5"))),
        _charged(record("r5", begun_at=day, object_id="alice"), Charge(provisioned=True)),
        _charged(record("r6", begun_at=day, object_id="bob"), Charge(provisioned=True)),
        record("r7", begun_at=day, object_id="bob"),
    ]
    record_calls(azurite.connection_string, records)
    period = ("--from", "2031-05-07", "--to", "2031-05-08", "--by", "principal,deployment")
    plain, priced = run(*PERIOD).stdout, run(*period, columns=200).stdout
    heading = next(line for line in priced.splitlines() if line.startswith(" principal"))
    alice, bob = (next(line.split() for line in priced.splitlines() if name in line) for name in ("(alice)", "(bob)"))

    assert "USD" not in plain
    assert heading.split()[-5:] == ["cost", "(USD)", "unpriced", "provisioned", "share"]
    assert alice[-4:] == ["1,234.5000", "0", "42", "50.0%"]
    assert bob[-4:] == ["-", "1", "42", "50.0%"]


def _charged(each: UsageRecord, charge: Charge) -> UsageRecord:
    return replace(each, charge=charge)


def test_a_trend_is_shown_where_there_are_days_to_show() -> None:
    """Which of two has grown; of one day there is none, and by day the rows say it themselves."""
    lines = run("--from", "2031-05-03", "--to", "2031-05-07").stdout.splitlines()
    alice = next(line for line in lines if "(alice)" in line)
    bob = next(line for line in lines if "(bob)" in line)

    assert lines[2].rstrip().endswith("trend")
    assert (alice.rstrip()[-1], bob.rstrip()[-1]) == ("█", "▁")
    assert "trend" not in run(*PERIOD).stdout
    assert "trend" not in run("--from", "2031-05-03", "--to", "2031-05-07", "--by", "day").stdout


@pytest.mark.parametrize("columns", [80, 120])
def test_a_report_fits_its_terminal(columns: int) -> None:
    """What matters least goes first: who, how many calls and how many tokens stay."""
    lines = run("--from", "2031-05-03", "--to", "2031-05-07", "--by", "principal,model,deployment", columns=columns)
    headings = lines.stdout.splitlines()[2].split()

    assert all(cell_len(line) <= columns for line in lines.stdout.splitlines())
    assert headings[:4] == ["principal", "model", "deployment", "calls"]
    assert "total" in headings


def test_json_has_every_column() -> None:
    """The same figures for a script, and those the table has no room for."""
    report = json.loads(run(*PERIOD, "--by", "day,model", "--json").stdout)

    (row,) = report["rows"]
    assert (row["day"], row["model"], row["calls"]) == ("2031-05-06", "gpt-4o-2024-11-20", 3)
    assert report["totals"]["calls_uncounted"] == 0


def test_a_wrong_dimension_is_named() -> None:
    """In one line, with what would be right."""
    result = run("--by", "colour")

    assert result.exit_code == 2
    assert "principal, label, deployment, model, operation, outcome, hour, day, month" in " ".join(
        result.stderr.split()
    ).replace("│ ", "")


def test_the_top_rows_and_the_others_are_shown() -> None:
    """And beside them the time before, where it is asked for."""
    lines = run(*PERIOD, "--top", "1", "--compare", "previous").stdout.splitlines()

    assert [line.split()[0] for line in lines if "(" in line and line.split()[0] in {"Alice", "(others)"}] == [
        "Alice",
        "(others)",
    ]
    assert "calls before" in " ".join(lines)


def test_filters_leave_out_what_does_not_match() -> None:
    """Each may be said more than once."""
    made = json.loads(run(*PERIOD, "--deployment", "gpt-4o", "--deployment", "x", "--label", "none", "--json").stdout)

    assert (made["rows"], made["totals"]["calls"]) == ([], 0)
    assert json.loads(run(*PERIOD, "--label", "team-7", "--format", "json").stdout)["totals"]["calls"] == 3


def test_files_can_be_made_of_it() -> None:
    """What a spreadsheet and a notebook read."""
    lines = run(*PERIOD, "--by", "operation", "--format", "csv").stdout.splitlines()
    made = run(*PERIOD, "--percentiles", "--format", "parquet").stdout_bytes

    assert [line.partition(",")[0] for line in lines] == ["operation", "chat.completions"]
    assert made[:4] == made[-4:] == b"PAR1"
