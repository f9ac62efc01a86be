"""A worker that is told to stop: no new calls, and those under way end as what they are."""

from __future__ import annotations

import asyncio

import pytest

from shared.domain.errors import ShuttingDown
from shared.domain.usage_record import Outcome, UsageSource
from tests.usecases.relaying import DONE, FIRST, HELLO, STREAM_BODY, USAGE, Bench, incoming, json_answer, stream_answer


async def test_no_new_call_is_taken_and_nothing_of_it_is_sent() -> None:
    """The caller is told to come again; another worker answers."""
    bench = Bench(json_answer())
    await bench.relay.close()

    with pytest.raises(ShuttingDown):
        await bench.answer()

    assert (bench.upstream.requests, bench.ledger.open, bench.ledger.records) == ([], {}, {})


async def test_a_call_under_way_may_finish_within_the_grace() -> None:
    """Most answers are nearly done."""
    bench = Bench(stream_answer(FIRST, HELLO, 0.02, USAGE, DONE), shutdown_grace_seconds=5.0)
    reading = asyncio.create_task(bench.body(incoming(STREAM_BODY)))
    await asyncio.sleep(0.01)

    await bench.relay.close()

    assert bench.record.outcome is Outcome.COMPLETED
    assert (await reading).endswith(DONE)


async def test_a_call_that_does_not_finish_is_ended_as_cut() -> None:
    """Its row says so, with what had arrived; nobody has to find it later."""
    bench = Bench(stream_answer(FIRST, HELLO, 60.0, USAGE, DONE), shutdown_grace_seconds=0.01)
    answer = await bench.answer(incoming(STREAM_BODY))
    await anext(answer.chunks())

    await bench.relay.close()

    assert (bench.record.outcome, bench.record.usage.source) == (Outcome.CUT_BY_SHUTDOWN, UsageSource.PARTIAL)
    assert bench.ledger.open == {}


async def test_an_answer_the_server_cuts_is_not_the_callers_hangup() -> None:
    """And it is not heard out: there is no time."""
    bench = Bench(stream_answer(FIRST, HELLO, 60.0, USAGE, DONE))
    answer = await bench.answer(incoming(STREAM_BODY))

    async with asyncio.timeout(1):
        await answer.close(is_shutdown=True)

    assert bench.record.outcome is Outcome.CUT_BY_SHUTDOWN
