"""The tokens of a call as Azure bills them."""

from __future__ import annotations

import json

import pytest

from shared.domain.logs.entries import CallUsage
from shared.domain.logs.line_reading import parse_line
from tests.data.logs import log_lines

LINE = log_lines("azureopenairequestusage.jsonl")[0]


def usage(**properties: object) -> CallUsage:
    line_members = json.loads(LINE)
    line_members["properties"] = json.dumps(json.loads(line_members["properties"]) | properties)
    entry = parse_line(json.dumps(line_members).encode())
    assert isinstance(entry, CallUsage)
    return entry


def test_counts_are_read_out_of_their_arrays() -> None:
    """It is the only log that has cached tokens, and it has each count in an array of one."""
    entry = usage()

    assert (entry.prompt_tokens, entry.cached_tokens, entry.completion_tokens) == (1200, 1024, 87)
    assert (entry.deployment, entry.model, entry.region) == ("chat", "gpt-4o", "eastus")
    assert entry.correlation_id == "c1000000-0000-4000-8000-000000000007"
    assert entry.extra is None


def test_counts_may_stand_bare() -> None:
    """RequestResponse has them so."""
    assert usage(promptTokens=1200) == usage()


@pytest.mark.parametrize("value", [[], [1, 2], [-1], ["many"], [[1]], {"a": 1}, 2**63])
def test_what_is_no_count_is_not_known_and_kept(value: object) -> None:
    """Nobody has said what two counts would mean, and a guess would be charged to somebody."""
    entry = usage(promptTokens=value)

    assert entry.prompt_tokens is None
    assert json.loads(entry.extra or "") == {"properties": {"promptTokens": value}}
