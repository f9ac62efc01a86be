"""`export` from a shell, over real tables and blobs, read back as finance reads it."""

from __future__ import annotations

import asyncio
import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from local.azurite import Azurite
from shared.adapters.blob_service import blob_service
from shared.adapters.table_service import StorageSettings
from shared.cli.__main__ import app
from shared.domain.usage_record import Charge, UsageRecord
from tests.adapters.records import record
from tests.cli.ledger import record_calls

# A day of our own: other tests share the account.
DAY = datetime(2032, 5, 6, 12, tzinfo=UTC)
PERIOD = ("--from", "2032-05-06", "--to", "2032-05-08")
HOSTILE = ['=HYPERLINK("http://x")', "+1", 'a"b,c', "Zoë 🦊", "line\r\nend", "nul\0"]
COSTS = ["0.1", "0.2", "0.000000000000000003", "12345.678", "0", "0.7"]


@pytest.fixture(scope="module", autouse=True)
def ledger(azurite: Azurite) -> None:
    """Six calls of one principal with hostile names, in two days, and one that has no price."""
    calls = [
        charged(record(f"e{number}", begun_at=DAY + timedelta(hours=6 * number)), name, cost)
        for number, (name, cost) in enumerate(zip(HOSTILE, COSTS, strict=True))
        if number < 4
    ]
    calls += [
        charged(record(f"e{number}", begun_at=DAY + timedelta(hours=number)), HOSTILE[number], COSTS[number])
        for number in (4, 5)
    ]
    record_calls(azurite.connection_string, [*calls, record("unpriced", begun_at=DAY)])


@pytest.fixture(autouse=True)
def environment(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AzureWebJobsStorage", azurite.connection_string)


def charged(each: UsageRecord, name: str, cost: str) -> UsageRecord:
    call = replace(each.call, principal=replace(each.call.principal, name=name))
    return replace(each, call=call, charge=Charge(cost_usd=Decimal(cost), price_source="list"))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["export", *arguments], env={"COLUMNS": "140", "TERM": "dumb"})


def files(*arguments: str) -> list[dict[str, object]]:
    result = run(*PERIOD, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)  # type: ignore[no-any-return]


def test_duckdb_reads_all_days_at_once_and_sums_what_the_ledger_says(tmp_path: Path) -> None:
    """The days are partitions, the costs exact, and a name is what it was."""
    files("--format", "parquet", "--output", f"{tmp_path}/out")
    found = duckdb.execute(
        "SELECT count(*), sum(cost_usd), sum(total_tokens), list(DISTINCT day) "
        f"FROM read_parquet('{tmp_path}/out/usage/*/*.parquet', hive_partitioning = true)"
    ).fetchall()[0]
    names = duckdb.execute(f"SELECT principal_name FROM '{tmp_path}/out/usage/*/*.parquet' ORDER BY call_id").fetchall()

    assert found[:3] == (7, sum(map(Decimal, COSTS)), 7 * 42)
    assert sorted(map(str, found[3])) == ["2032-05-06", "2032-05-07"]
    assert [name for (name,) in names[:4]] == HOSTILE[:4]
    assert names[4] == ("line\ufffd\ufffdend",)


def test_pandas_reads_the_csv_and_sums_what_the_ledger_says(tmp_path: Path) -> None:
    """Nothing hostile cuts a row in two, or is a formula."""
    files("--format", "csv", "--output", f"{tmp_path}/out")
    frame = pd.concat(
        pd.read_csv(path, dtype={"cost_usd": str, "principal_name": str})
        for path in sorted((tmp_path / "out").rglob("*.csv"))
    )

    assert sum(map(Decimal, frame["cost_usd"].dropna())) == sum(map(Decimal, COSTS))
    assert frame["total_tokens"].sum() == 7 * 42
    assert not frame["principal_name"].str.startswith(("=", "+", "-", "@", "\t", "\r")).any()


def test_focus_sums_what_the_ledger_says_and_tells_what_is_missing(tmp_path: Path) -> None:
    """The call without a price is in no sum, and is counted."""
    written = files("--format", "focus", "--output", f"{tmp_path}/out")
    (total,) = duckdb.execute(f"SELECT sum(EffectiveCost) FROM '{tmp_path}/out/focus/*/*.parquet'").fetchall()

    assert total == (sum(map(Decimal, COSTS)),)
    assert [file["unpriced_calls"] for file in written] == [1, 1, 0, 0]


def test_the_same_export_again_leaves_blobs_as_they_are(azurite: Azurite) -> None:
    """Into a container, with what a pipeline checks beside it."""
    container = f"exports-{uuid.uuid4().hex[:8]}"
    first, again = (files("--format", "parquet", "--format", "csv", "--output", container) for _ in range(2))
    blobs = asyncio.run(listed(azurite.connection_string, container))

    assert [file["is_new"] for file in first] == [True] * 4
    assert [file["is_new"] for file in again] == [False] * 4
    assert {name: int(metadata["rows"]) for name, metadata in blobs.items()} == {
        "usage/day=2032-05-06/part-00000.parquet": 5,
        "usage/day=2032-05-07/part-00000.parquet": 2,
        "usage_csv/day=2032-05-06/part-00000.csv": 5,
        "usage_csv/day=2032-05-07/part-00000.csv": 2,
    }
    assert [file["sha256"] for file in first] == [file["sha256"] for file in again]


async def listed(connection_string: str, container: str) -> dict[str, dict[str, str]]:
    async with blob_service(StorageSettings(connection_string=connection_string)) as service:
        blobs = service.get_container_client(container).list_blobs(include=["metadata"])
        return {blob.name: blob.metadata async for blob in blobs}


def test_where_exports_are_off_a_format_must_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing written, and nothing said, would look like done."""
    monkeypatch.setenv("EXPORT_FORMATS", "off")
    result = run(*PERIOD)

    assert result.exit_code != 0
    assert "--format" in result.output


def test_people_are_told_what_was_written(tmp_path: Path) -> None:
    """And by which name to find it."""
    lines = run(*PERIOD, "--format", "focus", "--output", f"{tmp_path}/out").stdout.splitlines()

    assert lines[0] == "focus/day=2032-05-06/part-00000.parquet: 1 rows, 1 calls without a price left out"
    assert lines[3].startswith("focus_csv/day=2032-05-07/part-00000.csv: ")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--from", "2032-05-06", "--to", "2032-05-06"), "--to is a day after --from"),
        (("--from", "yesterday"), "--from is not a day: write 2026-11-01"),
        (("--format", "xlsx"), "xlsx"),
        (("--output", "Not_A_Container"), "--output is ./FOLDER, or the name of a container"),
    ],
)
def test_a_mistake_is_named(arguments: tuple[str, ...], told: str) -> None:
    """In one line, with what would be right."""
    result = run(*arguments)

    assert result.exit_code != 0
    assert told in " ".join(result.output.split())
