"""Where our counts and Azure's part."""

from __future__ import annotations

from dataclasses import replace

from shared.domain.drift_report import DriftFold
from shared.domain.usage_record import CountAudit, UsageRecord
from tests.adapters.records import record


def audited(
    prompt: int | None, completion: int | None = 30, *, shape: str = "plain", reported: int = 100
) -> UsageRecord:
    audit = CountAudit(prompt_tokens=prompt, completion_tokens=completion, method="m", shape=shape)
    return replace(record(prompt_tokens=100), audit=audit)


def test_a_row_says_how_often_and_how_far_the_two_part() -> None:
    """Errors are ours less Azure's; the bias is what the bill would be off by."""
    fold = DriftFold()
    fold.add([audited(100), audited(100), audited(103), audited(97, completion=33)])
    fold.add([record()])

    (row,) = fold.rows()
    assert (row.model, row.shape, row.calls) == ("gpt-4o-2024-11-20", "plain", 4)
    assert (row.prompt_exact, row.prompt_p95_error, row.prompt_bias) == (2, 3, 0.0)
    assert (row.completion_exact, row.completion_p95_error, row.completion_bias) == (3, 3, 0.025)


def test_one_call_in_twenty_may_be_far_off_before_it_shows() -> None:
    """The 95th of a hundred errors, and not the largest."""
    fold = DriftFold()
    fold.add([audited(100)] * 95 + [audited(900)] * 5)

    assert fold.rows()[0].prompt_p95_error == 0
    fold.add([audited(900)])
    assert fold.rows()[0].prompt_p95_error == 800


def test_shapes_stand_apart_and_what_cannot_be_counted_is_left_out() -> None:
    """A rule that moves moves for one shape; hidden reasoning can be held against nothing."""
    fold = DriftFold()
    fold.add([audited(100, completion=None), audited(None, shape="tools")])

    plain, tools = fold.rows()
    assert (plain.shape, plain.calls, plain.completion_calls) == ("plain", 1, 0)
    assert (tools.shape, tools.calls, tools.completion_calls) == ("tools", 0, 1)
