"""`rebuild` from a shell, over real tables."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from local.azurite import Azurite
from shared.cli.__main__ import app
from tests.adapters.records import record
from tests.cli.ledger import record_calls

# A day of our own: other tests share the account.
DAY = datetime(2034, 8, 6, 12, tzinfo=UTC)


def test_it_says_how_much_was_folded(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the days that were named, and no others."""
    monkeypatch.setenv("AzureWebJobsStorage", azurite.connection_string)
    calls = [record(name, begun_at=DAY, object_id=name) for name in ("ann", "ben")]
    record_calls(azurite.connection_string, calls)
    result = CliRunner().invoke(app, ["rebuild", "--from", "2034-08-06", "--to", "2034-08-07"])

    assert (result.exit_code, result.stdout) == (0, "2 principals' days folded anew\n")


def test_a_wrong_day_is_named(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is read."""
    monkeypatch.setenv("AzureWebJobsStorage", azurite.connection_string)
    result = CliRunner().invoke(app, ["rebuild", "--from", "soon"])

    assert result.exit_code == 2
    assert "'from' is not a time" in result.stderr
