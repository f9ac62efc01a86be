"""What can break at every step of a call, and the one row that each leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from shared.domain.errors import CallerGone, LedgerError, StorageUnavailable, UpstreamCut, UpstreamUnreachable
from shared.domain.usage_record import Outcome, TokenUsage, UsageRecord, UsageSource
from tests.usecases.relaying import DONE, FIRST, HELLO, STREAM_BODY, USAGE, Bench, incoming, json_answer, stream_answer


async def test_before_its_beginning_is_durable() -> None:
    """Storage refuses: nothing is sent, and there is nothing to record."""
    bench = Bench(json_answer())
    bench.ledger.begin_failure = StorageUnavailable("down")

    await _relay(bench)

    assert (bench.upstream.requests, bench.ledger.records) == ([], {})


async def test_while_its_beginning_is_written() -> None:
    """The caller's task is cancelled: it may be durable, so it is not sent and not forgotten."""
    bench = Bench(json_answer())
    bench.ledger.begin = _never  # type: ignore[method-assign, assignment]

    await _cancelled(bench)

    assert bench.upstream.requests == []


async def test_between_its_beginning_and_sending() -> None:
    """No connection: the row says that nothing was used."""
    bench = Bench(UpstreamUnreachable("refused"))

    await _relay(bench)

    assert _told(bench.record) == (Outcome.UPSTREAM_UNREACHABLE, UsageSource.NOT_APPLICABLE)
    assert bench.ledger.open == {}


async def test_while_it_waits_for_the_answer() -> None:
    """Cancelled: upstream has the request, so its prompt may be charged."""
    bench = Bench()
    bench.upstream.send = _never  # type: ignore[method-assign, assignment]

    await _cancelled(bench)

    assert _told(bench.record) == (Outcome.CUT_BY_CALLER, UsageSource.PARTIAL)


async def test_while_its_body_is_sent() -> None:
    """The caller goes in the middle of an upload."""

    async def half() -> AsyncIterator[bytes]:
        yield b"half"
        raise CallerGone("gone")

    bench = Bench(json_answer())

    with pytest.raises(CallerGone):
        await bench.body(incoming(path=b"/openai/v1/files", pieces=half()))

    assert _told(bench.record) == (Outcome.CUT_BY_CALLER, UsageSource.NOT_APPLICABLE)
    assert bench.record.call.request_bytes == 4


async def test_when_upstream_breaks_before_it_answers() -> None:
    """It had the whole request."""
    bench = Bench(UpstreamCut("reset"))

    await _relay(bench)

    assert _told(bench.record) == (Outcome.CUT_BY_UPSTREAM, UsageSource.PARTIAL)


async def test_between_chunks() -> None:
    """What had arrived is counted."""
    bench = Bench(stream_answer(FIRST, HELLO, UpstreamCut("reset")))

    await _relay(bench, STREAM_BODY)

    assert _told(bench.record) == (Outcome.CUT_BY_UPSTREAM, UsageSource.PARTIAL)
    assert bench.counter.calls[0].cut


async def test_before_its_end_is_written(caplog: pytest.LogCaptureFixture) -> None:
    """A fault in our own counting costs the count and nothing else."""
    bench = Bench(stream_answer(FIRST, HELLO, DONE))
    bench.counter.estimate = _broken  # type: ignore[method-assign, assignment]

    await _relay(bench, STREAM_BODY)

    assert _told(bench.record) == (Outcome.COMPLETED, UsageSource.UNAVAILABLE)
    assert [record.message for record in caplog.records] == ["usage.not_counted"]


async def test_while_its_end_is_written() -> None:
    """Storage refuses the end: what began is still there for the sweeper, and the caller has its answer."""
    bench = Bench(stream_answer(FIRST, HELLO, USAGE, DONE))
    bench.ledger.end_failure = StorageUnavailable("down")

    body = await bench.body(incoming(STREAM_BODY))

    assert body.endswith(DONE)
    assert list(bench.ledger.open) == ["call-1"]


async def test_when_the_answer_to_its_end_is_lost() -> None:
    """The end is written again, to the same row."""
    bench = Bench(stream_answer(FIRST, HELLO, USAGE, DONE))
    await _relay(bench, STREAM_BODY)

    await bench.ledger.end(bench.record)

    assert bench.record.usage.total_tokens == 12


def _told(record: UsageRecord) -> tuple[Outcome, UsageSource]:
    return record.outcome, record.usage.source


async def _relay(bench: Bench, body: bytes | None = None) -> None:
    call = incoming(body) if body else incoming()
    try:
        await bench.body(call)
    except LedgerError:
        return


async def _cancelled(bench: Bench) -> None:
    task = asyncio.create_task(bench.body())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def _never(*_: object) -> None:
    await asyncio.Event().wait()


async def _broken(*_: object) -> TokenUsage:
    raise RuntimeError("a vocabulary that is not there")
