"""Streams cut anywhere, by anybody: one row each, and it is right."""

from __future__ import annotations

import asyncio

import pytest

from shared.domain.errors import StorageUnavailable, UpstreamCut, UpstreamTimedOut
from shared.domain.usage_record import Outcome, UsageSource
from shared.usecases.pass_on_answer import OnHangup, RelayedAnswer
from tests.usecases.relaying import (
    CHAT_BODY,
    DONE,
    FIRST,
    HELLO,
    JSON_ANSWER,
    STREAM,
    STREAM_BODY,
    STREAM_WITHOUT_USAGE,
    USAGE,
    Bench,
    incoming,
    json_answer,
    stream_answer,
)


@pytest.mark.parametrize("cut", range(len(STREAM) + 1))
async def test_a_stream_in_two_pieces_is_the_same_stream(cut: int) -> None:
    """Where the network cuts is nobody's business."""
    bench = Bench(stream_answer(STREAM[:cut], STREAM[cut:]))

    body = await bench.body(incoming(STREAM_BODY))

    assert body == STREAM_WITHOUT_USAGE
    assert (bench.record.outcome, bench.record.usage.total_tokens) == (Outcome.COMPLETED, 12)


@pytest.mark.parametrize("cut", range(len(STREAM)))
async def test_a_stream_that_upstream_cuts_leaves_one_row(cut: int) -> None:
    """What had arrived goes on, the break goes on, and usage that had arrived is kept."""
    bench = Bench(stream_answer(STREAM[:cut], UpstreamCut("broke")))
    answer = await bench.answer(incoming(STREAM_BODY))
    received: list[bytes] = []

    with pytest.raises(UpstreamCut):
        await _read_into(received, answer)
    await answer.close()

    # Its two line ends never came, and it counts all the same.
    start = STREAM.index(USAGE)
    has_usage = cut >= start + len(USAGE) - 2
    assert b"".join(received) == (STREAM[:start] + STREAM[start + len(USAGE) : cut] if has_usage else STREAM[:cut])
    assert bench.record.outcome is Outcome.CUT_BY_UPSTREAM
    assert bench.record.usage.source is (UsageSource.REPORTED if has_usage else UsageSource.PARTIAL)


@pytest.mark.parametrize("on_hangup", list(OnHangup))
@pytest.mark.parametrize("cut", range(1, len(STREAM)))
async def test_a_caller_that_hangs_up_leaves_one_row(cut: int, on_hangup: OnHangup) -> None:
    """Draining learns what Azure will charge; aborting estimates from what arrived."""
    response = stream_answer(STREAM[:cut], STREAM[cut:])
    bench = Bench(response, on_hangup=on_hangup)
    answer = await bench.answer(incoming(STREAM_BODY))
    chunks = answer.chunks()

    await anext(chunks)
    await answer.close()

    is_over = bench.record.outcome is Outcome.COMPLETED
    knows_usage = on_hangup is OnHangup.DRAIN or cut >= len(STREAM) - len(DONE) - 2
    assert is_over or bench.record.outcome is Outcome.CUT_BY_CALLER
    if not is_over:
        assert (bench.record.usage.source is UsageSource.REPORTED) == knows_usage
    assert response.is_closed


async def test_a_caller_gone_before_the_first_byte_leaves_one_row() -> None:
    """The answer was never asked for its first chunk, and still it is heard out."""
    response = json_answer()
    bench = Bench(response)
    answer = await bench.answer(incoming(CHAT_BODY))

    await answer.close()

    assert (bench.record.outcome, bench.record.usage.total_tokens) == (Outcome.CUT_BY_CALLER, 12)
    assert response.is_closed


async def test_draining_ends_in_time() -> None:
    """A model that goes on for minutes must not hold a worker that long."""
    bench = Bench(stream_answer(FIRST, HELLO, 60.0, USAGE, DONE), drain_seconds=0.01)
    answer = await bench.answer(incoming(STREAM_BODY))

    await anext(answer.chunks())
    await answer.close()

    assert (bench.record.outcome, bench.record.usage.source) == (Outcome.CUT_BY_CALLER, UsageSource.PARTIAL)


async def test_no_more_are_drained_than_allowed() -> None:
    """A crowd that hangs up at once must not keep every connection busy."""
    bench = Bench(stream_answer(FIRST, HELLO, 60.0, USAGE), drain_max=1)
    await bench.drains.acquire()
    answer = await bench.answer(incoming(STREAM_BODY))

    async with asyncio.timeout(1):
        await answer.close()

    assert bench.record.usage.source is UsageSource.PARTIAL
    assert bench.drains.locked()


async def test_a_hangup_while_the_end_is_written_changes_nothing() -> None:
    """The first to decide how a call ended decides; cancelling who waits does not undo it."""
    bench = Bench(stream_answer())
    release = asyncio.Event()
    end = bench.ledger.end

    async def slow_end(record: object) -> None:
        await release.wait()
        await end(record)  # type: ignore[arg-type]

    bench.ledger.end = slow_end  # type: ignore[method-assign]
    answer = await bench.answer(incoming(STREAM_BODY))
    reading: asyncio.Task[bytes] = asyncio.create_task(anext(answer.chunks()))  # type: ignore[arg-type]
    await asyncio.sleep(0.01)
    reading.cancel()
    closing = asyncio.create_task(answer.close())
    await asyncio.sleep(0)
    release.set()
    await closing

    assert bench.record.outcome is Outcome.COMPLETED


async def test_a_silent_stream_is_kept_alive_between_events() -> None:
    """Azure's front end drops a connection after 230 s of silence; a comment is no event."""
    half = len(HELLO) // 2
    bench = Bench(stream_answer(FIRST, HELLO[:half], 0.03, HELLO[half:], DONE), keep_alive_seconds=0.01)

    body = await bench.body(incoming(STREAM_BODY))

    assert b": keep-alive\n\n" in body
    assert body.replace(b": keep-alive\n\n", b"") == FIRST + HELLO + DONE


async def test_a_silent_body_that_is_no_stream_gets_nothing_added() -> None:
    """A comment in JSON would be a broken answer."""
    response = json_answer()
    response._script.insert(0, 0.03)
    bench = Bench(response, keep_alive_seconds=0.01)

    body = await bench.body()

    assert body == JSON_ANSWER


async def test_a_stream_that_ends_without_its_end_was_cut() -> None:
    """The bytes ended cleanly, the answer did not."""
    bench = Bench(stream_answer(FIRST, HELLO))

    await bench.body(incoming(STREAM_BODY))

    assert (bench.record.outcome, bench.record.usage.source) == (Outcome.CUT_BY_UPSTREAM, UsageSource.PARTIAL)


async def test_an_answer_that_falls_silent_has_timed_out() -> None:
    """Silence past the limit is its own outcome."""
    bench = Bench(stream_answer(FIRST, UpstreamTimedOut("silent")))

    with pytest.raises(UpstreamTimedOut):
        await bench.body(incoming(STREAM_BODY))

    assert bench.record.outcome is Outcome.TIMED_OUT


async def test_an_end_that_cannot_be_written_costs_the_caller_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The answer was paid for; that it began is in `opencalls`, and the log names the call."""
    bench = Bench(json_answer())
    bench.ledger.end_failure = StorageUnavailable("down")

    body = await bench.body()

    assert body == JSON_ANSWER
    assert set(bench.ledger.open) == {"call-1"}
    assert [record.message for record in caplog.records] == ["usage.not_recorded"]


async def test_a_length_is_not_promised_where_a_chunk_is_taken_out() -> None:
    """A stream that names its length would come up short."""
    response = stream_answer()
    response.headers = [*response.headers, (b"Content-Length", str(len(STREAM)).encode())]
    bench = Bench(response)

    answer = await bench.answer(incoming(STREAM_BODY))
    await answer.close()

    assert b"content-length" not in {name.lower() for name, _ in answer.headers}


async def _read_into(received: list[bytes], answer: RelayedAnswer) -> None:
    async for chunk in answer.chunks():
        received += [chunk]
