"""The writing bench end to end, in little: no time is judged here."""

from __future__ import annotations

import pytest

from bench.ingesting import writing


def test_both_ways_write_every_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """A figure of rows that never arrived would look best of all: the bench itself counts them."""
    monkeypatch.setattr(writing, "_ROUNDS", 1)

    assert writing.measure_writing(500) > 0
