"""What the tests of the relay share: a call, an upstream that plays a script, and a bench to run it on."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence

from shared.domain.deployment_models import DeploymentModels
from shared.domain.principal import Principal, PrincipalKind
from shared.domain.usage_record import TokenUsage, UsageRecord, UsageSource
from shared.ports.upstream import Header
from shared.usecases.attempt import Bookkeeping
from shared.usecases.audit_counts import AuditCounts
from shared.usecases.incoming_call import IncomingCall
from shared.usecases.open_attempts import OpenAttempts
from shared.usecases.pass_on_answer import HangupPolicy, OnHangup, RelayedAnswer
from shared.usecases.relay_call import RelayCall, RelayPolicy
from tests.fakes import FakeClock, FakeTokenCounter, FakeUpstream, FakeUpstreamResponse, FakeUsageLedger

ALICE = Principal(tenant_id="contoso", object_id="alice", kind=PrincipalKind.USER, name="alice@contoso.example")

ESTIMATE = TokenUsage(
    prompt_tokens=7, completion_tokens=2, total_tokens=9, source=UsageSource.PARTIAL, method="o200k_base"
)

CHAT_PATH = b"/openai/deployments/gpt-4o/chat/completions"
CHAT_QUERY = b"api-version=2024-10-21"
CHAT_BODY = b'{"messages":[{"role":"user","content":"hi"}]}'
STREAM_BODY = b'{"messages":[{"role":"user","content":"hi"}],"stream":true}'

JSON_ANSWER = (
    b'{"id":"chatcmpl-1","model":"gpt-4o-2024-08-06","choices":[{"index":0,"finish_reason":"stop",'
    b'"message":{"role":"assistant","content":"Hello"}}],'
    b'"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12,'
    b'"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":1}}}'
)

_CHUNK = b'"id":"chatcmpl-1","object":"chat.completion.chunk","model":"gpt-4o-2024-08-06"'
FIRST = b'data: {"choices":[],"model":"","prompt_filter_results":[{"prompt_index":0}]}\n\n'
ROLE = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],%s}\n\n' % _CHUNK
HELLO = b'data: {"choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}],%s}\n\n' % _CHUNK
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],%s}\n\n' % _CHUNK
USAGE = b'data: {"choices":[],%s,"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}}\n\n' % _CHUNK
DONE = b"data: [DONE]\n\n"
STREAM = FIRST + ROLE + HELLO + STOP + USAGE + DONE
STREAM_WITHOUT_USAGE = FIRST + ROLE + HELLO + STOP + DONE

AZURE_HEADERS: list[Header] = [
    (b"apim-request-id", b"eb2486b2-bf72-4bac-bb4f-f30df0a0540c"),
    (b"x-ms-region", b"East US"),
    (b"Transfer-Encoding", b"chunked"),
]


def json_answer(body: bytes = JSON_ANSWER, status: int = 200) -> FakeUpstreamResponse:
    """Return an answer that is one JSON body of known length."""
    headers = [*AZURE_HEADERS, (b"Content-Type", b"application/json"), (b"Content-Length", str(len(body)).encode())]
    return FakeUpstreamResponse(status, headers, [body])


def stream_answer(*script: bytes | Exception | float) -> FakeUpstreamResponse:
    """Return an answer that is a stream of events, in these pieces."""
    headers = [*AZURE_HEADERS, (b"Content-Type", b"text/event-stream")]
    return FakeUpstreamResponse(200, headers, script or [STREAM])


def incoming(
    body: bytes = CHAT_BODY,
    *,
    path: bytes = CHAT_PATH,
    query: bytes = CHAT_QUERY,
    method: str = "POST",
    headers: Sequence[Header] = ((b"content-type", b"application/json"),),
    pieces: AsyncIterator[bytes] | None = None,
    content_length: int | None = None,
) -> IncomingCall:
    """Return a call as the web layer hands it over."""
    return IncomingCall(
        method=method,
        path=path,
        query=query,
        headers=headers,
        body=pieces or _one(body),
        has_body=pieces is not None or bool(body),
        content_length=content_length,
        caller_address="203.0.113.7",
    )


async def _one(body: bytes) -> AsyncIterator[bytes]:
    yield body


class Bench:
    """A relay on fakes, whose ledger can be looked into."""

    def __init__(
        self,
        *answers: FakeUpstreamResponse | Exception,
        on_hangup: OnHangup = OnHangup.DRAIN,
        drain_seconds: float = 1.0,
        drain_max: int = 10,
        keep_alive_seconds: float = 60.0,
        shutdown_grace_seconds: float = 0.05,
        max_body_bytes: int = 1000,
        audit_share: float = 0.0,
    ) -> None:
        self.upstream = FakeUpstream(*answers)  # type: ignore[arg-type]
        self.ledger = FakeUsageLedger()
        self.counter = FakeTokenCounter(ESTIMATE)
        self.clock = FakeClock()
        self.drains = asyncio.Semaphore(drain_max)
        self.models = DeploymentModels({})
        self.audits = AuditCounts(ledger=self.ledger, counter=self.counter, share=audit_share)
        ids = itertools.count(1)
        self.relay = RelayCall(
            upstream=self.upstream,
            books=Bookkeeping(
                ledger=self.ledger,
                counter=self.counter,
                clock=self.clock,
                models=self.models,
                audits=self.audits,
                open_attempts=OpenAttempts(),
            ),
            new_id=lambda: f"call-{next(ids)}",
            policy=RelayPolicy(
                max_body_bytes=max_body_bytes,
                keep_alive_seconds=keep_alive_seconds,
                shutdown_grace_seconds=shutdown_grace_seconds,
                hangup=HangupPolicy(on_hangup=on_hangup, drain_seconds=drain_seconds, drains=self.drains),
            ),
        )

    async def answer(self, call: IncomingCall | None = None) -> RelayedAnswer:
        """Relay a call and return its answer, not yet read."""
        return await self.relay(call or incoming(), ALICE)

    async def body(self, call: IncomingCall | None = None) -> bytes:
        """Relay a call, read its answer to the end, close it, and return its bytes."""
        answer = await self.answer(call)
        try:
            return b"".join([chunk async for chunk in answer.chunks()])
        finally:
            await answer.close()

    @property
    def record(self) -> UsageRecord:
        """The one record there is."""
        (record,) = self.ledger.records.values()
        return record
