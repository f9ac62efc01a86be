"""A framework's request as ours: nothing of it is tidied up, and nothing a caller claims is believed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from shared.domain.errors import CallerGone, HeadersTooLarge, PrincipalNotProved
from shared.ports.upstream import Header
from shared.usecases.incoming_call import IncomingCall
from shared.web.calls import MAX_HEADER_BYTES, CallersBody, credentials_of, incoming_call
from tests.web.asgi import calling, running


def request_of(headers: Sequence[Header] = (), *messages: Message, client: tuple[str, int] | None = None) -> Request:
    """Return a request with these headers, whose body comes as these messages."""
    left = list(messages)

    async def receive() -> Message:
        return left.pop(0)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/openai/a/b",
        "raw_path": b"/openai/a%2Fb",
        "query_string": b"x=%20+",
        "headers": list(headers),
        "client": client,
    }
    return Request(scope, receive)


def call_of(request: Request) -> IncomingCall:
    return incoming_call(request, CallersBody(request))


async def seen_of(request: bytes) -> tuple[IncomingCall, bytes]:
    """Return what a request over a real connection becomes, and its body."""
    seen: list[tuple[IncomingCall, bytes]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        call = call_of(Request(scope, receive))
        seen.append((call, b"".join([chunk async for chunk in call.body])))
        await Response()(scope, receive, send)

    async with running(app) as url, calling(url, request) as connection, asyncio.timeout(3):
        await connection.reader.readuntil(b"\r\n\r\n")
    return seen[0]


async def test_method_path_query_and_headers_are_as_they_came() -> None:
    """An escaped slash is part of an id; a framework's own path has lost it."""
    call, body = await seen_of(
        b"PUT /openai/files/a%2Fb%20c/%E2%82%AC?x=%2B+&x=&y HTTP/1.1\r\nHost: h\r\nX-B: 1\r\nX-A: \xe9\r\nX-B: 2\r\n"
        b"Content-Length: 3\r\n\r\nabc"
    )

    assert (call.method, call.path, call.query) == ("PUT", b"/openai/files/a%2Fb%20c/%E2%82%AC", b"x=%2B+&x=&y")
    assert [header for header in call.headers if header[0].startswith(b"x-")] == [
        (b"x-b", b"1"),
        (b"x-a", b"\xe9"),
        (b"x-b", b"2"),
    ]
    assert (call.has_body, call.content_length, body) == (True, 3, b"abc")
    assert call.caller_address == "127.0.0.1"


async def test_a_chunked_body_has_no_length_and_is_read_all_the_same() -> None:
    """`has_body` decides whether anything is sent on."""
    call, body = await seen_of(
        b"POST /openai/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    )

    assert (call.has_body, call.content_length, body) == (True, None, b"abc")


@pytest.mark.parametrize("length", [b"", b"Content-Length: 0\r\n"])
async def test_no_body_is_no_body(length: bytes) -> None:
    """A GET must not go on as an upload of nothing."""
    call, body = await seen_of(b"GET /openai/x HTTP/1.1\r\nHost: h\r\n%s\r\n" % length)

    assert (call.has_body, body) == (False, b"")


async def test_an_absolute_target_does_not_choose_the_host() -> None:
    """Only path and query go on: the host is ours to choose."""
    call, _ = await seen_of(b"GET http://evil.example/openai/x?y HTTP/1.1\r\nHost: h\r\n\r\n")

    assert (call.path, call.query) == (b"/openai/x", b"y")


async def test_a_caller_who_hangs_up_in_mid_upload_is_gone() -> None:
    """Half a body is not a body."""
    part: Message = {"type": "http.request", "body": b"half", "more_body": True}
    call = call_of(request_of([(b"content-length", b"9")], part, {"type": "http.disconnect"}))
    got = await anext(call.body)
    with pytest.raises(CallerGone):
        await anext(call.body)

    assert got == b"half"


def test_headers_up_to_the_platforms_limit_are_taken() -> None:
    """Ours must not be a smaller one; nor a larger, where the platform has none."""
    fits = [(b"x", b"y" * (MAX_HEADER_BYTES - 1))]

    assert list(call_of(request_of(fits)).headers) == fits
    with pytest.raises(HeadersTooLarge):
        call_of(request_of([*fits, (b"", b"z")]))


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        (b"203.0.113.7", "203.0.113.7"),
        (b"203.0.113.7:51324", "203.0.113.7"),
        (b"10.0.0.1, 203.0.113.7:51324", "203.0.113.7"),
        (b"[2001:db8::7]:51324", "2001:db8::7"),
        (b"[2001:db8::7]", "2001:db8::7"),
        (b"2001:db8::7", "2001:db8::7"),
        (b"", "198.51.100.1"),
    ],
)
def test_the_address_is_the_one_the_platform_saw(forwarded: bytes, address: str) -> None:
    """What stands before the last comma the caller wrote itself."""
    call = call_of(request_of([(b"x-forwarded-for", forwarded)], client=("198.51.100.1", 80)))

    assert call.caller_address == address


def test_without_a_connection_there_is_no_address() -> None:
    """Not known is not an empty text."""
    assert call_of(request_of()).caller_address is None


_bytes = st.binary(max_size=40)


@given(st.lists(st.tuples(st.sampled_from([b"content-length", b"transfer-encoding", b"x-forwarded-for"]), _bytes)))
def test_no_header_breaks_the_reading(headers: list[Header]) -> None:
    """Whatever a server lets through, a call is refused by name or relayed."""
    call = call_of(request_of(headers))

    assert call.content_length is None or call.content_length >= 0


def test_credentials_are_read_in_any_case_and_shown_to_nobody() -> None:
    """A repr ends up in a traceback, and that in a log."""
    headers = [(b"Authorization", b"Bearer s3cret"), (b"API-KEY", b"s3cret"), (b"X-MS-CLIENT-PRINCIPAL", b"s3cret")]
    credentials = credentials_of(request_of(headers))

    assert credentials.authorization == "Bearer s3cret"
    assert credentials.api_key == "s3cret"
    assert credentials.client_principal == "s3cret"
    assert "s3cret" not in repr(credentials)


@pytest.mark.parametrize("name", [b"authorization", b"api-key", b"x-ms-client-principal"])
def test_a_credential_that_is_there_twice_proves_nothing(name: bytes) -> None:
    """Only one of them would be examined, and all of them passed on where callers bring Azure's own."""
    with pytest.raises(PrincipalNotProved, match="more than once"):
        credentials_of(request_of([(name, b"a"), (name.title(), b"b")]))
