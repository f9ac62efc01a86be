"""The main job: what goes upstream, what comes back, and the one row that says so."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest

from shared.domain.errors import (
    BodyTooLarge,
    CallerGone,
    MalformedRequest,
    StorageUnavailable,
    UpstreamCut,
    UpstreamError,
    UpstreamTimedOut,
    UpstreamUnreachable,
)
from shared.domain.usage_record import Outcome, UsageSource
from tests.fakes import FakeUpstreamResponse
from tests.usecases.relaying import (
    ALICE,
    CHAT_BODY,
    DONE,
    ESTIMATE,
    FIRST,
    HELLO,
    JSON_ANSWER,
    STOP,
    STREAM,
    STREAM_BODY,
    STREAM_WITHOUT_USAGE,
    USAGE,
    Bench,
    incoming,
    json_answer,
    stream_answer,
)

STREAM_OPTIONS_REFUSED = (
    b'{"error":{"code":null,"message":"Unknown parameter: stream_options","param":"stream_options"}}'
)


async def test_a_call_is_passed_on_and_charged_to_its_principal() -> None:
    """The whole point: the bytes unchanged, and a row with what Azure says was used."""
    bench = Bench(json_answer())

    body = await bench.body()

    record = bench.record
    assert body == JSON_ANSWER
    assert bench.upstream.bodies == [CHAT_BODY]
    assert record.call.principal == ALICE
    assert (record.call.operation, record.call.deployment, record.call.api_version) == (
        "chat.completions",
        "gpt-4o",
        "2024-10-21",
    )
    assert (record.status, record.outcome, record.model) == (200, Outcome.COMPLETED, "gpt-4o-2024-08-06")
    assert record.usage.source is UsageSource.REPORTED
    assert (record.usage.prompt_tokens, record.usage.completion_tokens, record.usage.total_tokens) == (9, 3, 12)
    assert (record.usage.cached_tokens, record.usage.reasoning_tokens) == (4, 1)
    assert (record.apim_request_id, record.region) == ("eb2486b2-bf72-4bac-bb4f-f30df0a0540c", "East US")
    assert (record.call.request_bytes, record.response_bytes) == (len(CHAT_BODY), len(JSON_ANSWER))


@pytest.mark.parametrize(("header", "spilled_over"), [(b"true", True), (b"True", True), (b"false", False)])
async def test_a_row_says_how_azure_served_the_call(header: bytes, spilled_over: bool) -> None:
    """Its price depends on both."""
    response = json_answer(JSON_ANSWER[:-1] + b',"service_tier":"priority"}')
    response.headers = [*response.headers, (b"x-ms-is-spilled-over", header)]
    bench = Bench(response)
    await bench.body()

    assert (bench.record.service_tier, bench.record.spilled_over) == ("priority", spilled_over)


async def test_the_beginning_is_durable_before_anything_is_sent() -> None:
    """A worker that dies while it sends must leave a trace of the call."""
    bench = Bench(json_answer())
    seen: list[set[str]] = []
    send = bench.upstream.send

    async def watched(request: object) -> FakeUpstreamResponse:
        seen.append(set(bench.ledger.open))
        return await send(request)  # type: ignore[arg-type]

    bench.upstream.send = watched  # type: ignore[method-assign]
    await bench.body()

    assert seen == [{"call-1"}]


async def test_a_call_is_not_made_when_its_beginning_cannot_be_written() -> None:
    """No call without a record: rather no call."""
    bench = Bench(json_answer())
    bench.ledger.begin_failure = StorageUnavailable("throttled")

    with pytest.raises(StorageUnavailable):
        await bench.answer()

    assert bench.upstream.requests == []


async def test_the_end_is_durable_before_the_last_byte_goes_on() -> None:
    """Whoever has seen the end of an answer can find it in the ledger."""
    bench = Bench(json_answer())
    answer = await bench.answer()

    async for _ in answer.chunks():
        assert bench.record.outcome is Outcome.COMPLETED

    await answer.close()


async def test_the_end_of_a_stream_is_durable_before_done_goes_on() -> None:
    """SDKs stop at [DONE], so the row must be there before it."""
    bench = Bench(stream_answer(FIRST, HELLO, STOP, USAGE, DONE))
    answer = await bench.answer(incoming(STREAM_BODY))

    async for chunk in answer.chunks():
        assert (DONE in chunk) == bool(bench.ledger.records)

    await answer.close()


async def test_usage_is_asked_for_and_its_chunk_taken_out_again() -> None:
    """Without `include_usage` a stream has no count; the caller must not see that we asked."""
    bench = Bench(stream_answer())

    body = await bench.body(incoming(STREAM_BODY))

    sent = msgspec.json.decode(bench.upstream.bodies[0])
    assert sent.pop("stream_options") == {"include_usage": True}
    assert sent == msgspec.json.decode(STREAM_BODY)
    assert body == STREAM_WITHOUT_USAGE
    assert bench.record.usage.total_tokens == 12
    assert bench.record.call.streamed


async def test_a_caller_that_asks_for_usage_gets_every_byte() -> None:
    """The chunk is only ours to take when only we asked for it."""
    body = STREAM_BODY[:-1] + b',"stream_options":{"include_usage":true}}'
    bench = Bench(stream_answer())

    received = await bench.body(incoming(body))

    assert bench.upstream.bodies == [body]
    assert received == STREAM
    assert bench.record.usage.total_tokens == 12


async def test_an_api_version_without_the_option_is_left_alone() -> None:
    """An older api-version answers 400 to `stream_options`: that would be our doing."""
    bench = Bench(stream_answer(STREAM_WITHOUT_USAGE))

    await bench.body(incoming(STREAM_BODY, query=b"api-version=2024-06-01"))

    assert bench.upstream.bodies == [STREAM_BODY]
    assert bench.record.usage == ESTIMATE


async def test_a_refusal_we_caused_is_not_the_callers() -> None:
    """Some deployments refuse the option though their api-version knows it: send again without, then remember."""
    bench = Bench(
        json_answer(STREAM_OPTIONS_REFUSED, status=400),
        stream_answer(STREAM_WITHOUT_USAGE),
        stream_answer(STREAM_WITHOUT_USAGE),
    )

    first = await bench.body(incoming(STREAM_BODY))
    second = await bench.body(incoming(STREAM_BODY))

    assert first == second == STREAM_WITHOUT_USAGE
    assert bench.upstream.bodies[1:] == [STREAM_BODY, STREAM_BODY]
    outcomes = [record.outcome for record in bench.ledger.records.values()]
    assert outcomes == [Outcome.REFUSED_BY_AZURE, Outcome.COMPLETED, Outcome.COMPLETED]


async def test_a_refusal_for_another_reason_reaches_the_caller_whole() -> None:
    """What was read ahead to learn the reason is not lost."""
    refusal = b'{"error":{"code":"context_length_exceeded","message":"too long"}}'
    bench = Bench(json_answer(refusal, status=400))

    body = await bench.body(incoming(STREAM_BODY))

    assert body == refusal
    assert (bench.record.outcome, bench.record.error_code) == (Outcome.REFUSED_BY_AZURE, "context_length_exceeded")


async def test_an_error_of_azure_is_an_answer() -> None:
    """Status, headers and body as they came; the row says that nothing was used."""
    body = b'{"error":{"code":"429","message":"Rate limit"}}'
    bench = Bench(json_answer(body, status=429))

    answer = await bench.answer()
    received = b"".join([chunk async for chunk in answer.chunks()])
    await answer.close()

    assert (answer.status, received) == (429, body)
    assert (b"x-ms-region", b"East US") in answer.headers
    assert b"transfer-encoding" not in {name.lower() for name, _ in answer.headers}
    assert bench.record.usage.source is UsageSource.NOT_APPLICABLE
    assert bench.record.error_code == "429"


async def test_a_prompt_that_a_filter_stopped_is_counted() -> None:
    """Azure charges for it, though the status is 400."""
    bench = Bench(json_answer(b'{"error":{"code":"content_filter","message":"no"}}', status=400))

    await bench.body()

    assert bench.record.usage == ESTIMATE


async def test_a_v1_call_is_for_the_deployment_that_its_body_names() -> None:
    """On /openai/v1 the path names none."""
    body = b'{"model":"contoso-chat","input":"hi","user":"team-7"}'
    answer = (
        b'{"model":"contoso-chat","status":"completed","usage":{"input_tokens":2,"output_tokens":1,"total_tokens":3}}'
    )
    response = json_answer(answer)
    response.headers = [*response.headers, (b"x-ms-served-model", b"gpt-4.1-mini-2025-04-14")]
    bench = Bench(response)

    await bench.body(incoming(body, path=b"/openai/v1/responses", query=b""))

    record = bench.record
    assert (record.call.deployment, record.call.operation, record.call.api_version) == (
        "contoso-chat",
        "responses",
        "v1",
    )
    assert record.model == "gpt-4.1-mini-2025-04-14"
    assert (record.call.user_label, record.finish_reason) == ("team-7", "completed")


async def test_an_operation_we_do_not_meter_streams_through_and_is_charged() -> None:
    """Files, batches and whatever comes next: attributed, not understood."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"--boundary"
        yield b"--"

    bench = Bench(json_answer(b'{"id":"file-1"}'))

    await bench.body(incoming(path=b"/openai/v1/files", query=b"", pieces=pieces()))

    assert bench.upstream.bodies == [b"--boundary--"]
    assert bench.record.call.operation == "files"
    assert (bench.record.call.request_bytes, bench.record.usage.source) == (12, UsageSource.NOT_APPLICABLE)


async def test_credentials_of_the_caller_stay_here() -> None:
    """They were meant for us; upstream gets ours."""
    headers = [(b"Authorization", b"Bearer x"), (b"api-key", b"y"), (b"Cookie", b"z"), (b"x-custom", b"kept")]
    bench = Bench(json_answer())

    await bench.body(incoming(headers=headers, query=b"api-version=2024-10-21&code=secret"))

    request = bench.upstream.requests[0]
    assert request.headers == [(b"x-custom", b"kept"), (b"accept-encoding", b"identity")]
    assert request.query == b"api-version=2024-10-21"


async def test_a_body_over_the_limit_is_refused_and_recorded() -> None:
    """A known principal leaves a row even when nothing was sent."""
    bench = Bench(max_body_bytes=10)

    with pytest.raises(BodyTooLarge):
        await bench.answer()

    assert bench.upstream.requests == []
    assert (bench.record.outcome, bench.record.error_code) == (Outcome.REFUSED_BY_US, "body_too_large")


@pytest.mark.parametrize("path", [b"/openai/v1/files", b"/openai/deployments/d/chat/completions"])
async def test_a_length_over_the_limit_is_refused_unread(path: bytes) -> None:
    """The header is enough: nobody uploads 150 MB to be told no."""
    bench = Bench(max_body_bytes=10)

    with pytest.raises(BodyTooLarge):
        await bench.answer(incoming(path=path, content_length=11))

    assert bench.record.outcome is Outcome.REFUSED_BY_US


async def test_a_streamed_body_that_outgrows_the_limit_is_our_refusal() -> None:
    """Without a length it is noticed on the way; the error is the caller's, not upstream's."""
    bench = Bench(json_answer(), max_body_bytes=10)

    with pytest.raises(BodyTooLarge):
        await bench.answer(incoming(b"x" * 11, path=b"/openai/v1/files"))

    assert (bench.record.outcome, bench.record.error_code) == (Outcome.REFUSED_BY_US, "body_too_large")


@pytest.mark.parametrize("path", [b"/openai/v1/files", b"/openai/deployments/d/chat/completions"])
async def test_a_caller_gone_while_it_sends_is_recorded_as_that(path: bytes) -> None:
    """Half a request reaches no model, but the row says who began one."""

    async def pieces() -> AsyncIterator[bytes]:
        yield b"{"
        raise CallerGone("gone")

    bench = Bench(json_answer())

    with pytest.raises(CallerGone):
        await bench.answer(incoming(path=path, pieces=pieces()))

    assert bench.record.outcome is Outcome.CUT_BY_CALLER
    assert bench.record.usage.source is UsageSource.NOT_APPLICABLE


async def test_a_path_that_leaves_openai_is_refused_and_recorded() -> None:
    """Decoded dots must not reach another part of Azure's host."""
    bench = Bench()

    with pytest.raises(MalformedRequest):
        await bench.answer(incoming(path=b"/openai/%2e%2e/admin"))

    assert (bench.record.call.operation, bench.record.error_code) == ("other", "malformed_request")


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff\xfe", b'{"model":1,"stream":"yes"}', b"[" * 900])
async def test_a_body_we_cannot_read_is_azures_to_refuse(body: bytes) -> None:
    """We relay what we do not understand: Azure's answer is the truth of it."""
    bench = Bench(json_answer(b'{"error":{"code":"BadRequest"}}', status=400))

    await bench.body(incoming(body))

    assert bench.upstream.bodies == [body]
    assert (bench.record.status, bench.record.outcome) == (400, Outcome.REFUSED_BY_AZURE)


@pytest.mark.parametrize(
    ("error", "outcome", "source"),
    [
        (UpstreamUnreachable("no"), Outcome.UPSTREAM_UNREACHABLE, UsageSource.NOT_APPLICABLE),
        (UpstreamTimedOut("no"), Outcome.TIMED_OUT, UsageSource.PARTIAL),
        (UpstreamCut("no"), Outcome.CUT_BY_UPSTREAM, UsageSource.PARTIAL),
    ],
)
async def test_an_upstream_that_does_not_answer_leaves_a_row(
    error: UpstreamError, outcome: Outcome, source: UsageSource
) -> None:
    """Where something may have reached a model, its prompt is estimated; a call never sent used nothing."""
    bench = Bench(error)

    with pytest.raises(type(error)):
        await bench.answer()

    assert (bench.record.outcome, bench.record.status, bench.record.error_code) == (outcome, None, error.code)
    assert bench.record.usage.source is source


async def test_what_azure_does_not_report_is_estimated_from_request_and_answer() -> None:
    """The counter gets what there is to count, and knows whether it is all."""
    answer = b'{"model":"gpt-4o-2024-08-06","choices":[{"finish_reason":"stop","message":{"content":"Hello"}}]}'
    bench = Bench(json_answer(answer))

    await bench.body()

    (counted,) = bench.counter.calls
    assert (counted.request_body, counted.answer.choices[0].texts) == (CHAT_BODY, ("Hello",))
    assert (counted.model, counted.cut) == ("gpt-4o-2024-08-06", False)
    assert bench.record.usage == ESTIMATE
