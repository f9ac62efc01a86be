"""The bench of reports end to end, in little: no time is judged here."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.querying import folding, month
from bench.querying.folding import measure_folding
from bench.querying.month import measure_month


@pytest.fixture(autouse=True)
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(month, "PRINCIPALS", 3)
    monkeypatch.setattr(month, "_DIFFERENT_DAYS", 4)
    monkeypatch.setattr(month, "_ROUNDS", 1)
    monkeypatch.setattr(folding, "_RECORDS_OF_ONE", 20)
    monkeypatch.setattr(folding, "_RECORDS_OF_TABLE", 40)
    monkeypatch.setattr(folding, "_READ_WITH_SDK", 1)


async def test_a_month_says_what_duckdb_does(tmp_path: Path) -> None:
    """A fast answer that is wrong is no answer."""
    measured = await measure_month(3 * 31 * 5 + 12, 12, tmp_path)

    assert measured.totals_equal
    assert measured.query_s > 0


async def test_folded_records_say_what_duckdb_does(tmp_path: Path) -> None:
    """Of every record that was exported."""
    measured = await measure_folding(80, tmp_path)

    assert measured.totals_equal
    assert min(measured.ours, measured.sdks) > 0
