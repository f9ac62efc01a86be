"""Relay a call: read what it is, write down that it has begun, send it, hand over the answer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from shared.domain.errors import (
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
from shared.domain.relayed_headers import replaced
from shared.domain.request_reading import ReadRequest, read_request, with_usage_asked
from shared.domain.usage_record import OpenCall, Outcome
from shared.ports.upstream import Buffer, Upstream, UpstreamRequest, UpstreamResponse
from shared.usecases.attempt import Attempt, Bookkeeping
from shared.usecases.incoming_call import IncomingCall, StreamedBody
from shared.usecases.pass_on_answer import HangupPolicy, RelayedAnswer

# `stream_options` is known to Azure from this api-version on; before it, it is an error.
# https://learn.microsoft.com/azure/ai-foundry/openai/whats-new (September 2024)
_USAGE_CHUNK_SINCE = "2024-09-01"
_DATED = re.compile(r"\d{4}-\d{2}-\d{2}")
# Callers choose the names of deployments: beyond this many the refusal is met again each time.
_MOST_REMEMBERED = 1000
_HAS_USAGE_CHUNK = frozenset({Metered.CHAT_COMPLETIONS, Metered.COMPLETIONS})


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
        books: Bookkeeping,
        new_id: Callable[[], str],
        policy: RelayPolicy,
    ) -> None:
        self._upstream = upstream
        self._books = books
        self._new_id = new_id
        self._policy = policy
        # Deployments that refused the option though their api-version knows it.
        self._refuses_usage_chunk: set[str | None] = set()

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
            await self._refuse(_Asked(incoming, principal, _UNKNOWN_ROUTE), error)
            raise
        asked = _Asked(incoming, principal, route)
        try:
            incoming.check_length(self._policy.max_body_bytes)
            is_read = route.metered is not None and incoming.has_body
            body = await incoming.read_body(self._policy.max_body_bytes) if is_read else None
        except CallerError as error:
            await self._refuse(asked, error)
            raise
        if route.metered is None or body is None:
            return await self._relay_unread(asked)
        return await self._relay_metered(asked, route.metered, body)

    async def close(self) -> None:
        """Take no new calls, wait for those under way within the grace, and end the rest as cut."""
        await self._books.open_attempts.close(self._policy.shutdown_grace_seconds)

    async def _relay_metered(self, asked: _Asked, metered: Metered, body: bytearray) -> RelayedAnswer:
        request = read_request(body)
        if request.lacks_usage and self._may_ask_usage(asked.route, request):
            answer = await self._send(asked, metered, request, body, with_usage_asked(body), drops_usage_chunk=True)
            if not await answer.is_refusal_of(b"stream_options"):
                return answer
            # The error is one that we caused: send what the caller sent.
            if len(self._refuses_usage_chunk) < _MOST_REMEMBERED:
                self._refuses_usage_chunk.add(_deployment(asked.route, request))
        return await self._send(asked, metered, request, body, [body], drops_usage_chunk=False)

    async def _send(
        self,
        asked: _Asked,
        metered: Metered,
        request: ReadRequest,
        body: bytearray,
        buffers: Sequence[Buffer],
        *,
        drops_usage_chunk: bool,
    ) -> RelayedAnswer:
        attempt = self._attempt(self._open_call(asked, request, len(body)), metered, request_body=body)
        sent = asked.incoming.for_upstream(buffers, sum(len(buffer) for buffer in buffers))
        # A compressed answer could not be watched as it goes by.
        sent = replace(sent, headers=replaced(sent.headers, b"accept-encoding", b"identity"))
        response = await self._begin_and_send(attempt, sent)
        return self._answer(response, attempt, is_metered=True, drops_usage_chunk=drops_usage_chunk)

    async def _relay_unread(self, asked: _Asked) -> RelayedAnswer:
        incoming = asked.incoming
        attempt = self._attempt(self._unread_call(asked), None)
        # What is read counts, and no longer what was declared.
        body = StreamedBody(incoming.body, self._policy.max_body_bytes, attempt.note_request_bytes)
        sent = incoming.for_upstream(body.chunks() if incoming.has_body else (), incoming.content_length)
        try:
            response = await self._begin_and_send(attempt, sent, body)
        except UpstreamError as error:
            if body.error is not None:
                raise body.error from error
            raise
        return self._answer(response, attempt, is_metered=False, drops_usage_chunk=False)

    async def _begin_and_send(
        self, attempt: Attempt, request: UpstreamRequest, body: StreamedBody | None = None
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

    async def _refuse(self, asked: _Asked, error: CallerError) -> None:
        """Record a call that we refuse ourselves: its principal is known, and it was never sent."""
        attempt = self._attempt(self._unread_call(asked), None)
        attempt.error_code = error.code
        await attempt.end(_outcome_of(error))

    def _attempt(self, call: OpenCall, metered: Metered | None, request_body: bytearray | None = None) -> Attempt:
        return Attempt(call, self._books, metered=metered, request_body=request_body)

    def _unread_call(self, asked: _Asked) -> OpenCall:
        declared_bytes = asked.incoming.content_length if asked.incoming.has_body else 0
        return self._open_call(asked, ReadRequest(understood=False), declared_bytes)

    def _open_call(self, asked: _Asked, request: ReadRequest, request_bytes: int | None) -> OpenCall:
        return OpenCall(
            call_id=self._new_id(),
            begun_at=self._books.clock.now(),
            principal=asked.principal,
            operation=asked.route.operation,
            method=asked.incoming.method,
            resource=self._upstream.resource,
            deployment=_deployment(asked.route, request),
            api_version=asked.route.api_version,
            streamed=request.streamed,
            requested_model=request.model,
            user_label=request.user_label,
            caller_address=asked.incoming.caller_address,
            request_bytes=request_bytes,
            text_only=request.text_only,
        )

    def _may_ask_usage(self, route: Route, request: ReadRequest) -> bool:
        return (
            route.metered in _HAS_USAGE_CHUNK
            and _knows_usage_chunk(route.api_version)
            and _deployment(route, request) not in self._refuses_usage_chunk
        )


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked, by whom."""

    incoming: IncomingCall
    principal: Principal
    route: Route


_UNKNOWN_ROUTE = Route(operation="other", metered=None, deployment=None, api_version=None, is_v1=False)


def _deployment(route: Route, request: ReadRequest) -> str | None:
    # Where the path names no deployment, the body's `model` is the deployment.
    return route.deployment or request.model


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
