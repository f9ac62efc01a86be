"""Relay a call: read what it is, write down that it has begun, send it, hand over the answer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from shared.domain.errors import (
    BodyTooLarge,
    CallerError,
    CallerGone,
    LedgerError,
    MalformedRequest,
    UpstreamCut,
    UpstreamError,
    UpstreamTimedOut,
)
from shared.domain.operation import Metered, Route, parse_route
from shared.domain.principal import Principal
from shared.domain.relayed_headers import headers_for_upstream, query_for_upstream, replaced
from shared.domain.request_reading import ReadRequest, read_request, with_usage_asked
from shared.domain.usage_record import OpenCall, Outcome
from shared.ports import Buffer, Clock, Header, TokenCounter, Upstream, UpstreamRequest, UpstreamResponse, UsageLedger
from shared.usecases.attempt import Attempt
from shared.usecases.open_attempts import OpenAttempts
from shared.usecases.pass_on_answer import HangupPolicy, RelayedAnswer

# `stream_options` is known to Azure from this api-version on; before it, it is an error.
# https://learn.microsoft.com/azure/ai-foundry/openai/whats-new (September 2024)
_USAGE_CHUNK_SINCE = "2024-09-01"
_DATED = re.compile(r"\d{4}-\d{2}-\d{2}")
_HAS_USAGE_CHUNK = frozenset({Metered.CHAT_COMPLETIONS, Metered.COMPLETIONS})


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingCall:
    """
    A caller's request, its body not yet read.

    `forwarded_credentials` are the lower-case names of headers that may go upstream though they
    hold credentials (`UPSTREAM_AUTH=caller`).
    """

    method: str
    path: bytes
    query: bytes
    headers: Sequence[Header]
    body: AsyncIterator[bytes]
    has_body: bool
    content_length: int | None
    caller_address: str | None
    forwarded_credentials: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayPolicy:
    """The operator's bounds. Bytes and seconds."""

    max_body_bytes: int
    keep_alive_seconds: float
    shutdown_grace_seconds: float
    hangup: HangupPolicy


class RelayCall:
    """The main job. Call it with a request and the principal that was proved to make it."""

    def __init__(
        self,
        *,
        upstream: Upstream,
        ledger: UsageLedger,
        counter: TokenCounter,
        clock: Clock,
        new_id: Callable[[], str],
        policy: RelayPolicy,
    ) -> None:
        self._upstream = upstream
        self._ledger = ledger
        self._counter = counter
        self._clock = clock
        self._new_id = new_id
        self._policy = policy
        self._open_attempts = OpenAttempts()
        # Deployments that refused the option though their api-version knows it.
        self._refuses_usage_chunk: set[tuple[str | None, str | None]] = set()

    async def __call__(self, incoming: IncomingCall, principal: Principal) -> RelayedAnswer:
        """
        Return the answer, of which only the headers have arrived.

        Raises:
            CallerError: refused by us, and recorded as that.
            UpstreamError: no answer, and recorded as that.
            StorageError: the ledger cannot be written; nothing was sent.
            ShuttingDown: the worker has been told to stop; nothing was sent.
        """
        try:
            route = parse_route(incoming.method, incoming.path, incoming.query)
        except MalformedRequest as error:
            await self._refuse(incoming, principal, _UNKNOWN_ROUTE, error)
            raise
        if (incoming.content_length or 0) > self._policy.max_body_bytes:
            too_large = self._too_large()
            await self._refuse(incoming, principal, route, too_large)
            raise too_large
        if route.metered is None or not incoming.has_body:
            return await self._relay_unread(incoming, principal, route)
        return await self._relay_metered(incoming, principal, route, route.metered)

    async def close(self) -> None:
        """Take no new calls, wait for those under way within the grace, and end the rest as cut."""
        await self._open_attempts.close(self._policy.shutdown_grace_seconds)

    async def _relay_metered(
        self, incoming: IncomingCall, principal: Principal, route: Route, metered: Metered
    ) -> RelayedAnswer:
        try:
            body = await self._read(incoming.body)
        except CallerError as error:
            await self._refuse(incoming, principal, route, error)
            raise
        request = read_request(body)
        call = self._open_call(incoming, principal, route, request, len(body))
        if request.lacks_usage and self._may_ask_usage(route, call):
            answer = await self._send(incoming, call, metered, body, with_usage_asked(body), drops_usage_chunk=True)
            if not await answer.is_refusal_of(b"stream_options"):
                return answer
            # The error is one that we caused: send what the caller sent.
            self._refuses_usage_chunk.add((call.deployment, call.api_version))
            call = self._open_call(incoming, principal, route, request, len(body))
        return await self._send(incoming, call, metered, body, [body], drops_usage_chunk=False)

    async def _send(
        self,
        incoming: IncomingCall,
        call: OpenCall,
        metered: Metered,
        body: bytearray,
        buffers: Sequence[Buffer],
        *,
        drops_usage_chunk: bool,
    ) -> RelayedAnswer:
        attempt = self._attempt(call, metered, request_body=body)
        length = sum(len(buffer) for buffer in buffers)
        headers = headers_for_upstream(incoming.headers, forwarded_credentials=incoming.forwarded_credentials)
        request = UpstreamRequest(
            method=incoming.method,
            path=incoming.path,
            query=query_for_upstream(incoming.query),
            # A compressed answer could not be watched as it goes by.
            headers=replaced(headers, b"accept-encoding", b"identity"),
            body=buffers,
            content_length=length,
        )
        response = await self._begin_and_send(attempt, request)
        return self._answer(response, attempt, is_metered=True, drops_usage_chunk=drops_usage_chunk)

    async def _relay_unread(self, incoming: IncomingCall, principal: Principal, route: Route) -> RelayedAnswer:
        call = self._unread_call(incoming, principal, route)
        attempt = self._attempt(call, None)
        body = _StreamedBody(incoming.body, attempt, self._policy.max_body_bytes, self._too_large)
        request = UpstreamRequest(
            method=incoming.method,
            path=incoming.path,
            query=query_for_upstream(incoming.query),
            headers=headers_for_upstream(incoming.headers, forwarded_credentials=incoming.forwarded_credentials),
            body=body.chunks() if incoming.has_body else (),
            content_length=incoming.content_length,
        )
        try:
            response = await self._begin_and_send(attempt, request, body)
        except UpstreamError as error:
            if body.error is not None:
                raise body.error from error
            raise
        return self._answer(response, attempt, is_metered=False, drops_usage_chunk=False)

    async def _begin_and_send(
        self, attempt: Attempt, request: UpstreamRequest, body: _StreamedBody | None = None
    ) -> UpstreamResponse:
        await attempt.begin()
        try:
            response = await self._upstream.send(request)
        except UpstreamError as error:
            fault = (body and body.error) or error
            attempt.error_code = fault.code
            await attempt.end(_outcome_of(fault))
            raise
        except asyncio.CancelledError:
            await attempt.end(Outcome.CUT_BY_CALLER)
            raise
        attempt.response = response
        return response

    def _answer(
        self, response: UpstreamResponse, attempt: Attempt, *, is_metered: bool, drops_usage_chunk: bool
    ) -> RelayedAnswer:
        return RelayedAnswer(
            response,
            attempt,
            is_metered=is_metered,
            drops_usage_chunk=drops_usage_chunk,
            hangup=self._policy.hangup,
            keep_alive_seconds=self._policy.keep_alive_seconds,
        )

    async def _refuse(self, incoming: IncomingCall, principal: Principal, route: Route, error: CallerError) -> None:
        """Record a call that we refuse ourselves: its principal is known, and it was never sent."""
        attempt = self._attempt(self._unread_call(incoming, principal, route), None)
        attempt.error_code = error.code
        await attempt.end(Outcome.CUT_BY_CALLER if isinstance(error, CallerGone) else Outcome.REFUSED_BY_US)

    def _attempt(self, call: OpenCall, metered: Metered | None, request_body: bytearray | None = None) -> Attempt:
        return Attempt(
            call,
            metered=metered,
            ledger=self._ledger,
            counter=self._counter,
            clock=self._clock,
            open_attempts=self._open_attempts,
            request_body=request_body,
        )

    def _unread_call(self, incoming: IncomingCall, principal: Principal, route: Route) -> OpenCall:
        declared_bytes = incoming.content_length if incoming.has_body else 0
        return self._open_call(incoming, principal, route, ReadRequest(understood=False), declared_bytes)

    def _open_call(
        self,
        incoming: IncomingCall,
        principal: Principal,
        route: Route,
        request: ReadRequest,
        request_bytes: int | None,
    ) -> OpenCall:
        return OpenCall(
            call_id=self._new_id(),
            begun_at=self._clock.now(),
            principal=principal,
            operation=route.operation,
            method=incoming.method,
            resource=self._upstream.resource,
            # Where the path names no deployment, the body's `model` is the deployment.
            deployment=route.deployment or request.model,
            api_version=route.api_version,
            streamed=request.streamed,
            requested_model=request.model,
            user_label=request.user_label,
            caller_address=incoming.caller_address,
            request_bytes=request_bytes,
            text_only=request.text_only,
        )

    async def _read(self, chunks: AsyncIterator[bytes]) -> bytearray:
        body = bytearray()
        async for chunk in chunks:
            body += chunk
            if len(body) > self._policy.max_body_bytes:
                raise self._too_large()
        return body

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"the request body is larger than {self._policy.max_body_bytes} bytes")

    def _may_ask_usage(self, route: Route, call: OpenCall) -> bool:
        return (
            route.metered in _HAS_USAGE_CHUNK
            and _knows_usage_chunk(route.api_version)
            and (call.deployment, call.api_version) not in self._refuses_usage_chunk
        )


class _StreamedBody:
    """A body that goes through unread: counted, bounded, and its own error remembered."""

    def __init__(
        self, chunks: AsyncIterator[bytes], attempt: Attempt, max_bytes: int, too_large: Callable[[], BodyTooLarge]
    ) -> None:
        self.error: CallerError | None = None
        self._chunks = chunks
        self._attempt = attempt
        self._max_bytes = max_bytes
        self._too_large = too_large

    async def chunks(self) -> AsyncIterator[bytes]:
        read = 0
        try:
            async for chunk in self._chunks:
                read += len(chunk)
                # What is read counts, and no longer what was declared.
                self._attempt.request_bytes = read
                if read > self._max_bytes:
                    raise self._too_large()
                yield chunk
        except CallerError as error:
            # The HTTP client will report a broken request; this is why it broke.
            self.error = error
            raise


_UNKNOWN_ROUTE = Route(operation="other", metered=None, deployment=None, api_version=None, is_v1=False)


def _knows_usage_chunk(api_version: str | None) -> bool:
    dated = _DATED.match(api_version or "")
    return dated is None or dated.group() >= _USAGE_CHUNK_SINCE


def _outcome_of(error: LedgerError) -> Outcome:
    if isinstance(error, CallerGone):
        return Outcome.CUT_BY_CALLER
    if isinstance(error, CallerError):
        return Outcome.REFUSED_BY_US
    if isinstance(error, UpstreamTimedOut):
        return Outcome.TIMED_OUT
    if isinstance(error, UpstreamCut):
        return Outcome.CUT_BY_UPSTREAM
    return Outcome.UPSTREAM_UNREACHABLE
