"""`openai/{*path}` from the framework's request to the answer: who asks, what goes on, and what is refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from shared.adapters.aiohttp_upstream import AiohttpUpstream, upstream_session
from shared.adapters.upstream_credentials import CallersOwn
from shared.domain.errors import StorageUnavailable, UpstreamUnreachable
from shared.domain.gateway_key import GatewayKey, hash_key
from shared.domain.principal import VerifiedClaims
from shared.domain.usage_record import Outcome
from shared.ports.upstream import Header
from shared.usecases.identify_principal import IdentifyPrincipal
from shared.web.relay import RelayEndpoint
from tests.fakes import FakeGatewayKeys, FakeTokenVerifier
from tests.raw_http import Connection, serving
from tests.usecases.relaying import ALICE, CHAT_BODY, CHAT_PATH, CHAT_QUERY, JSON_ANSWER, Bench, json_answer
from tests.web.asgi import Caller, calling, running

TOKEN = "alice.s.token"
GATEWAY_KEY = "aoai-" + "k" * 40


class Gate:
    """The endpoint on a bench of fakes."""

    def __init__(self, bench: Bench, *, credentials_of_caller: bool = False) -> None:
        identify = IdentifyPrincipal(
            keys=FakeGatewayKeys(
                GatewayKey(key_hash=hash_key(GATEWAY_KEY), principal=ALICE, issued_at=bench.clock.now())
            ),
            clock=bench.clock,
            verifier=FakeTokenVerifier({TOKEN: VerifiedClaims({"tid": ALICE.tenant_id, "oid": ALICE.object_id})}),
        )
        self._endpoint = RelayEndpoint(identify, bench.relay, credentials_of_caller=credentials_of_caller)

    async def respond(self, request: Request) -> Response:
        """Return the response to a request."""
        return await self._endpoint(request)

    async def __call__(self, headers: Sequence[Header], *, path: bytes = CHAT_PATH, body: bytes = CHAT_BODY) -> Caller:
        """Return the caller, with what it was sent."""
        caller, messages = Caller(), [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> Message:
            return messages.pop() if messages else await caller.receive()

        scope = caller.scope | {
            "path": path.decode(),
            "raw_path": path,
            "query_string": CHAT_QUERY,
            "headers": [(b"content-length", str(len(body)).encode()), *headers],
        }
        response = await self._endpoint(Request(scope, receive))
        await response(scope, receive, caller.send)
        return caller


def error_of(caller: Caller) -> tuple[int, Any]:
    return caller.sent[0]["status"], json.loads(caller.body)["error"]["code"]


@pytest.mark.parametrize("header", [(b"api-key", GATEWAY_KEY.encode()), (b"authorization", f"Bearer {TOKEN}".encode())])
async def test_a_call_goes_through_and_is_charged_to_who_made_it(header: Header) -> None:
    """With either credential, which stays here."""
    bench = Bench(json_answer())
    caller = await Gate(bench)([header])

    assert caller.body == JSON_ANSWER
    assert caller.is_complete
    assert (bench.record.call.principal.object_id, bench.record.outcome) == ("alice", Outcome.COMPLETED)
    assert bench.upstream.bodies == [CHAT_BODY]
    assert header[0] not in dict(bench.upstream.requests[0].headers)


async def test_who_proves_nothing_reaches_nobody() -> None:
    """Nor is anything recorded: there is nobody to charge it to."""
    bench = Bench(json_answer())
    caller = await Gate(bench)([(b"api-key", b"aoai-guessed")])

    assert error_of(caller) == (401, "invalid_credentials")
    assert (bench.upstream.requests, bench.ledger.records) == ([], {})


@pytest.mark.parametrize(
    ("headers", "forwarded"),
    [
        ([(b"authorization", f"Bearer {TOKEN}".encode())], {b"authorization"}),
        ([(b"api-key", GATEWAY_KEY.encode()), (b"authorization", b"Bearer for.azure.alone")], {b"authorization"}),
        ([(b"authorization", f"Bearer {GATEWAY_KEY}".encode()), (b"api-key", b"azures-own")], {b"api-key"}),
        ([(b"api-key", GATEWAY_KEY.encode())], set()),
    ],
)
async def test_callers_bring_azures_credentials_and_ours_stay_here(
    headers: list[Header], forwarded: set[bytes]
) -> None:
    """A gateway key in Azure's log is a key that is known to more than two."""
    bench = Bench(json_answer())
    await Gate(bench, credentials_of_caller=True)(headers)
    sent = {name: value for name, value in bench.upstream.requests[0].headers if name in {b"api-key", b"authorization"}}

    assert sent == {name: value for name, value in headers if name in forwarded}


async def test_a_call_we_refuse_is_an_error_and_a_record() -> None:
    """Who was refused may ask why, and the operator can look."""
    bench = Bench(max_body_bytes=10)
    caller = await Gate(bench)([(b"api-key", GATEWAY_KEY.encode())])

    assert error_of(caller) == (413, "body_too_large")
    assert bench.record.outcome is Outcome.REFUSED_BY_US


async def test_a_call_that_reaches_nobody_is_an_error_and_a_record() -> None:
    """502 says that it was not the caller's fault."""
    bench = Bench(UpstreamUnreachable("Azure OpenAI cannot be reached"))
    caller = await Gate(bench)([(b"api-key", GATEWAY_KEY.encode())])

    assert error_of(caller) == (502, "upstream_unreachable")
    assert bench.record.outcome is Outcome.UPSTREAM_UNREACHABLE


async def test_a_call_that_cannot_be_recorded_is_not_made() -> None:
    """No call without a record."""
    bench = Bench(json_answer())
    bench.ledger.begin_failure = StorageUnavailable("table opencalls of account x")
    caller = await Gate(bench)([(b"api-key", GATEWAY_KEY.encode())])

    assert error_of(caller) == (503, "storage_unavailable")
    assert b"account x" not in caller.body
    assert bench.upstream.requests == []


async def test_headers_over_the_limit_are_refused_before_anything_else() -> None:
    """They are read before we know who asks, so they must cost little."""
    bench = Bench()
    caller = await Gate(bench)([(b"x", b"y" * 33_000)])

    assert error_of(caller) == (431, "headers_too_large")


async def test_an_upload_reaches_upstream_whole_though_upstream_answers_first() -> None:
    """Who waits for a hang-up receives what the relay should have, and the file has holes."""
    count, got = 200, bytearray()

    async def upstream(connection: Connection) -> None:
        await connection.reader.readuntil(b"\r\n\r\n")
        await connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n.\r\n")
        await asyncio.sleep(0.2)
        while not got.endswith(b"0\r\n\r\n") and (data := await connection.reader.read(65536)):
            got.extend(data)
        await connection.send(b"0\r\n\r\n")

    async with serving(upstream) as upstream_url, upstream_session(5) as session:
        bench = Bench(max_body_bytes=10**9)
        bench.relay._upstream = AiohttpUpstream(session, upstream_url, CallersOwn())
        gate = Gate(bench)

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await (await gate.respond(Request(scope, receive)))(scope, receive, send)

        async with running(app) as url, calling(url, _CHUNKED_UPLOAD) as caller:
            for number in range(count):
                await caller.send(b"10000\r\n" + b"%04d" % number * 16384 + b"\r\n")
            await caller.send(b"0\r\n\r\n")
            async with asyncio.timeout(10):
                await caller.reader.readuntil(b"0\r\n\r\n")

    assert [number for number in range(count) if b"%04d" % number * 64 not in got] == []
    assert bench.record.outcome is Outcome.COMPLETED


_CHUNKED_UPLOAD = (
    b"POST /openai/v1/files HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\napi-key: %s\r\n\r\n"
    % GATEWAY_KEY.encode()
)
