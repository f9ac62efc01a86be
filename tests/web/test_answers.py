"""An answer on its way to the caller: streamed, cut, hung up on, cancelled; and in every case recorded and closed."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.domain.errors import UpstreamCut, UpstreamTimedOut
from shared.domain.usage_record import Outcome, UsageRecord, UsageSource
from shared.usecases.incoming_call import IncomingCall
from shared.usecases.pass_on_answer import OnHangup
from shared.web.answers import RelayResponse
from tests.fakes import FakeUpstreamResponse, FakeUsageLedger
from tests.usecases.relaying import (
    DONE,
    HELLO,
    JSON_ANSWER,
    ROLE,
    STOP,
    STREAM,
    STREAM_BODY,
    USAGE,
    Bench,
    incoming,
    json_answer,
    stream_answer,
)
from tests.web.asgi import Caller, body_is_read, calling, running, ticks

GET = b"GET /openai/x HTTP/1.1\r\nHost: x\r\n\r\n"
GET_AND_CLOSE = b"GET /openai/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
LONG = 30.0


def relaying(bench: Bench, call: IncomingCall | None = None) -> ASGIApp:
    """Return an application that answers every request with the bench's next answer."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await RelayResponse(await bench.answer(call), body_is_read())(scope, receive, send)

    return app


async def answer_to(app: ASGIApp, request: bytes = GET_AND_CLOSE) -> bytes:
    """Return all bytes that a caller gets, until the connection ends."""
    async with running(app) as url, calling(url, request) as connection, asyncio.timeout(5):
        return await connection.reader.read()


async def recorded(bench: Bench) -> UsageRecord:
    """Return the one record, which may yet have to come."""
    async with asyncio.timeout(5):
        while not bench.ledger.records:
            await asyncio.sleep(0.005)
    return bench.record


async def until_closed(response: FakeUpstreamResponse) -> None:
    """Return when the connection to upstream has been let go."""
    async with asyncio.timeout(5):
        while not response.is_closed:
            await asyncio.sleep(0.005)


# On the server that the worker uses.


async def test_status_headers_and_body_are_those_of_azure() -> None:
    """In Azure's order, twice what came twice, and nothing of ours."""
    headers = [
        (b"X-Zed", b"1"),
        (b"Set-Cookie", b"a=1"),
        (b"content-type", b"text/plain"),
        (b"Set-Cookie", b"b=2"),
        (b"Content-Length", b"2"),
        (b"Connection", b"keep-alive"),
    ]
    bench = Bench(FakeUpstreamResponse(418, headers, [b"n", b"o"]))
    answer = await answer_to(relaying(bench))

    assert answer.split(b"\r\n") == [
        b"HTTP/1.1 418 I'm a Teapot",
        b"x-zed: 1",
        b"set-cookie: a=1",
        b"content-type: text/plain",
        b"set-cookie: b=2",
        b"content-length: 2",
        b"connection: close",
        b"",
        b"no",
    ]


async def test_a_stream_goes_on_chunk_by_chunk() -> None:
    """The first word is what a person waits for."""
    bench = Bench(stream_answer(ROLE, LONG, HELLO), on_hangup=OnHangup.ABORT)
    async with running(relaying(bench)) as url, calling(url, GET) as connection, asyncio.timeout(3):
        assert await connection.reader.readuntil(ROLE)


async def test_a_stream_ends_with_its_last_chunk() -> None:
    """Without the zero chunk a client reports a broken connection after a whole answer."""
    answer = await answer_to(relaying(Bench(stream_answer(ROLE, HELLO, DONE))))

    assert answer.endswith(b"%x\r\n%s\r\n0\r\n\r\n" % (len(DONE), DONE))
    assert b"content-length" not in answer


@pytest.mark.parametrize("on_hangup", OnHangup)
async def test_a_caller_who_hangs_up_in_mid_stream_is_recorded(on_hangup: OnHangup) -> None:
    """Who closes the laptop has still used tokens; which, is read on to where the operator wants that."""
    upstream = stream_answer(ROLE, HELLO, 0.3, STOP, USAGE, DONE)
    bench = Bench(upstream, on_hangup=on_hangup)
    async with running(relaying(bench, incoming(STREAM_BODY))) as url:
        async with calling(url, GET) as connection:
            await connection.reader.readuntil(HELLO)
        record = await recorded(bench)
        await until_closed(upstream)

    assert record.outcome is Outcome.CUT_BY_CALLER
    assert record.usage.source is (UsageSource.REPORTED if on_hangup is OnHangup.DRAIN else UsageSource.PARTIAL)
    assert not bench.ledger.open


async def test_a_caller_whose_machine_goes_down_is_recorded() -> None:
    """A reset is a hang-up too."""
    upstream = stream_answer(ROLE, LONG)
    bench = Bench(upstream, on_hangup=OnHangup.ABORT)
    async with running(relaying(bench)) as url:
        async with calling(url, GET) as connection:
            await connection.reader.readuntil(ROLE)
            connection.reset()
        record = await recorded(bench)
        await until_closed(upstream)

    assert record.outcome is Outcome.CUT_BY_CALLER


async def test_a_caller_who_is_gone_before_the_answer_is_recorded() -> None:
    """Starlette's own streaming response would have run none of it."""
    upstream = stream_answer(ROLE, LONG)
    bench = Bench(upstream, on_hangup=OnHangup.ABORT)
    has_called, may_answer = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        has_called.set()
        await may_answer.wait()
        await relaying(bench)(scope, receive, send)

    async with running(app) as url:
        async with calling(url, GET):
            await has_called.wait()
        await asyncio.sleep(0.05)
        may_answer.set()
        record = await recorded(bench)
        await until_closed(upstream)

    assert record.outcome is Outcome.CUT_BY_CALLER


@pytest.mark.parametrize("error", [UpstreamCut("cut"), UpstreamTimedOut("silent")])
@pytest.mark.parametrize("length", [None, b"500"])
async def test_an_answer_that_breaks_off_breaks_the_callers_connection(error: Exception, length: bytes | None) -> None:
    """Half an answer that looks whole is worse than none."""
    headers = [(b"Content-Type", b"text/event-stream"), *([(b"Content-Length", length)] if length else [])]
    bench = Bench(FakeUpstreamResponse(200, headers, [ROLE, error]))
    answer = await answer_to(relaying(bench), GET)

    assert ROLE in answer
    assert not answer.endswith(b"0\r\n\r\n")
    assert bench.record.outcome in {Outcome.CUT_BY_UPSTREAM, Outcome.TIMED_OUT}


async def test_an_answer_that_breaks_off_before_its_body_breaks_the_connection() -> None:
    """Its status is out already, and is no error."""
    bench = Bench(stream_answer(UpstreamCut("cut")))
    answer = await answer_to(relaying(bench), GET)

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\n")
    assert not answer.endswith(b"0\r\n\r\n")


async def test_the_answer_to_head_has_its_length_and_no_body() -> None:
    """And the connection is good for the next request."""
    answers = [FakeUpstreamResponse(200, [(b"Content-Length", b"500")], []) for _ in range(2)]
    bench = Bench(*answers)
    call = incoming(b"", method="HEAD", path=b"/openai/files/1")
    head = GET.replace(b"GET", b"HEAD")
    received = await answer_to(
        relaying(bench, call), head + head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    )

    assert received == (
        b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n"
        b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\nconnection: close\r\n\r\n"
    )


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_without_a_body_has_none(status: int) -> None:
    """Not even the chunk that says so: what follows would be read as the next answer."""
    received = await answer_to(relaying(Bench(FakeUpstreamResponse(status, [], []))))

    assert received.endswith(b"\r\nconnection: close\r\n\r\n")
    assert b"transfer-encoding" not in received


async def test_a_caller_who_reads_slowly_slows_the_reading_of_upstream() -> None:
    """What is read ahead of a caller lies in memory, times the calls in flight."""
    chunk = bytes(64 * 1024)
    upstream = FakeUpstreamResponse(200, [], [chunk] * 2000)
    bench = Bench(upstream)
    async with running(relaying(bench, incoming(b"", method="GET", path=b"/openai/files/1/content"))) as url:
        async with calling(url, GET) as connection:
            await connection.reader.readuntil(b"\r\n\r\n")
            # Who does not read on stops the connection once a little has come.
            await asyncio.sleep(0.3)
            left = len(upstream._script)
        await recorded(bench)

    assert left > 1000


# By hand, at every instant.


async def respond(bench: Bench, caller: Caller, call: IncomingCall | None = None) -> None:
    response = RelayResponse(await bench.answer(call), body_is_read())
    await response(caller.scope, caller.receive, caller.send)
    # What was cancelled for the hang-up is not cancelled for what comes after.
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)


@pytest.mark.parametrize("ticks_a_send", [0, 1, 2])
@pytest.mark.parametrize("after", range(30))
async def test_a_hangup_at_any_instant_leaves_one_record_and_nothing_open(after: int, ticks_a_send: int) -> None:
    """Also at the instant when the last chunk is sent, which is when callers hang up most."""
    upstream = stream_answer(ROLE, 0.0, HELLO, STOP, USAGE, DONE)
    bench = Bench(upstream)
    caller = Caller(ticks_a_send=ticks_a_send)
    responding = asyncio.create_task(respond(bench, caller, incoming(STREAM_BODY)))
    await ticks(after)
    caller.hang_up.set()
    async with asyncio.timeout(3):
        await responding

    assert bench.record.outcome in {Outcome.CUT_BY_CALLER, Outcome.COMPLETED}
    assert bench.record.usage.source is UsageSource.REPORTED
    assert bench.record.outcome is Outcome.COMPLETED or not caller.is_complete
    assert upstream.is_closed
    assert not bench.ledger.open


async def test_a_hangup_as_the_last_chunk_is_taken_changes_nothing() -> None:
    """uvicorn says `http.disconnect` as soon as it has the last chunk, while we may still be in `send`."""

    class HangsUpAtTheEnd(Caller):
        async def send(self, message: Message) -> None:
            if message.get("more_body") is False:
                self.hang_up.set()
            await super().send(message)

    for ticks_a_send in range(5):
        bench = Bench(json_answer())
        caller = HangsUpAtTheEnd(ticks_a_send=ticks_a_send)
        await respond(bench, caller)

        assert caller.body == JSON_ANSWER
        assert bench.record.outcome is Outcome.COMPLETED


@pytest.mark.parametrize("after", range(20))
@pytest.mark.parametrize("times", [1, 2])
async def test_a_cancelled_task_still_records_and_closes(after: int, times: int) -> None:
    """The worker cancels what runs when it is told to stop; what was used until then was used."""
    upstream = stream_answer(ROLE, LONG, DONE)
    bench = Bench(upstream, on_hangup=OnHangup.ABORT)
    answer = await bench.answer()
    responding = asyncio.create_task(_run(RelayResponse(answer, body_is_read()), Caller()))
    # Until then the task has not begun, and no response can help.
    await asyncio.sleep(0)
    await ticks(after)
    for _ in range(times):
        responding.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await responding
    await until_closed(upstream)

    assert bench.record.outcome is Outcome.CUT_BY_SHUTDOWN


async def test_a_task_that_is_cancelled_while_it_records_ends_when_that_is_durable() -> None:
    """The worker may be gone an instant after its last task has ended."""
    bench = Bench(stream_answer(ROLE, LONG), on_hangup=OnHangup.ABORT)
    bench.ledger = _SlowLedger()
    bench.relay._books = replace(bench.relay._books, ledger=bench.ledger)
    caller = Caller()
    responding = asyncio.create_task(_run(RelayResponse(await bench.answer(), body_is_read()), caller))
    await ticks(5)
    caller.hang_up.set()
    await asyncio.sleep(0.05)
    responding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await responding

    assert bench.record.outcome is Outcome.CUT_BY_CALLER


async def test_a_hangup_and_a_cancellation_at_once_is_a_cancellation() -> None:
    """Ours is taken back, the server's is not."""
    bench = Bench(stream_answer(ROLE, LONG), on_hangup=OnHangup.ABORT)
    caller = Caller()
    responding = asyncio.create_task(_run(RelayResponse(await bench.answer(), body_is_read()), caller))
    await ticks(5)
    caller.hang_up.set()
    # The caller's `receive` wakes in the first turn, the one who waits for it in the same or the next.
    await ticks(1)
    responding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await responding

    assert bench.record.outcome is Outcome.CUT_BY_SHUTDOWN


async def test_a_fault_while_sending_still_records_and_closes() -> None:
    """It is raised, for the server to log, and the call is not lost with it."""
    upstream = stream_answer(STREAM)
    bench = Bench(upstream)
    answer = await bench.answer()

    async def send(_: object) -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        await RelayResponse(answer, body_is_read())(Caller.scope, Caller().receive, send)

    assert upstream.is_closed
    assert len(bench.ledger.records) == 1


async def test_nothing_is_left_running() -> None:
    """A listener a call, for ever, is a leak."""
    bench = Bench(json_answer())
    before = asyncio.all_tasks()
    await respond(bench, Caller())
    await ticks(5)

    assert asyncio.all_tasks() == before


class _SlowLedger(FakeUsageLedger):
    """A ledger that takes its time."""

    async def end(self, record: UsageRecord) -> None:
        await asyncio.sleep(0.2)
        await super().end(record)


async def _run(response: RelayResponse, caller: Caller) -> None:
    await response(caller.scope, caller.receive, caller.send)
