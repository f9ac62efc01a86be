"""The benchmark of ingestion: not how fast we are, but that it measures what logs are like."""

from __future__ import annotations

import json

from bench.ingesting.blob import blob_ranges, different_lines
from bench.ingesting.parsing import measure_parsing
from shared.domain.logs.entries import ServiceCall
from shared.domain.logs.keys import entry_key
from shared.domain.logs.line_reading import parse_line
from tests.data.logs import log_lines


def test_its_lines_are_of_the_form_that_azure_exports() -> None:
    """Lines of a kinder form would flatter us."""
    exported = log_lines("requestresponse.jsonl")[0]
    lines = different_lines(50)
    calls = [parse_line(line) for line in lines]

    assert {_form(line) for line in lines} == {_form(exported)}
    assert {type(call) for call in calls} == {ServiceCall}
    assert len({entry_key(call) for call in calls}) == 50


def _form(line: bytes) -> tuple[tuple[str, ...], ...]:
    members = json.loads(line)
    return tuple(members), tuple(json.loads(members["properties"]))


def test_its_blob_has_the_lines_asked_for() -> None:
    """More lines than differ, and cut like any blob."""
    lines = different_lines(3)

    assert b"".join(blob_ranges(lines, 7)).splitlines() == [*lines, *lines, lines[0]]


def test_it_reads_every_line() -> None:
    """It fails where one is left out; the numbers of so few say nothing."""
    parsing = measure_parsing(200, rounds=1)

    assert parsing.ratio > 0
    assert parsing.outer_ratio > 0
    assert 0 < parsing.ours.peak_mb < 200
