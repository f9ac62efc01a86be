"""The upstream client on real sockets: what goes out and comes in byte for byte, and every way it breaks."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
from collections.abc import AsyncIterator, Sequence

import aiohttp
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from shared.adapters.aiohttp_upstream import AiohttpUpstream, upstream_session
from shared.adapters.upstream_credentials import ApiKey, CallersOwn, UpstreamCredential
from shared.domain.errors import (
    CallerGone,
    LedgerError,
    UpstreamCut,
    UpstreamError,
    UpstreamTimedOut,
    UpstreamUnreachable,
)
from shared.ports.upstream import Buffer, UpstreamRequest, UpstreamResponse
from tests.raw_http import Connection, Handler, Received, serving, unused_port

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
MIB = 1024 * 1024


class UpstreamAt:
    """Makes upstreams that share a session, as an app's do."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    def __call__(self, url: str, credential: UpstreamCredential | None = None) -> AiohttpUpstream:
        return AiohttpUpstream(self._session, url, credential or CallersOwn())


@pytest.fixture
async def upstream_at() -> AsyncIterator[UpstreamAt]:
    async with upstream_session(idle_seconds=5.0) as session:
        yield UpstreamAt(session)


def get(path: bytes = b"/openai/models", query: bytes = b"") -> UpstreamRequest:
    return UpstreamRequest(method="GET", path=path, query=query)


def post(*buffers: Buffer) -> UpstreamRequest:
    return UpstreamRequest(
        method="POST", path=b"/openai/x", query=b"", body=buffers, content_length=sum(len(each) for each in buffers)
    )


def answering(answer: bytes, seen: list[Received] | None = None) -> Handler:
    """Return a handler that takes a request and answers with these bytes, then waits for the other side to close."""

    async def handle(connection: Connection) -> None:
        received = await connection.receive()
        if seen is not None:
            seen.append(received)
        await connection.send(answer)
        await connection.closed_by_peer()

    return handle


async def seen_of(
    upstream_at: UpstreamAt, request: UpstreamRequest, credential: UpstreamCredential | None = None
) -> Received:
    """Return what a server sees of a request."""
    seen: list[Received] = []
    async with serving(answering(OK, seen)) as url:
        await read(await upstream_at(url, credential).send(request))
    return seen[0]


async def read(response: UpstreamResponse) -> bytes:
    """Return the body, read to its end."""
    body = b""
    try:
        while chunk := await response.next_chunk():
            body += chunk
    finally:
        await response.close()
    return body


async def chunks_of(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


# What goes out.


async def test_headers_go_out_in_order_and_as_they_were_spelt(upstream_at: UpstreamAt) -> None:
    """A signature or an odd gateway may hang on any of it, so the relay has no opinion."""
    headers = [
        (b"x-zed", b"1"),
        (b"aCCept", b"text/event-stream"),
        (b"a-first", b"two  blanks, and \xc3\xa9"),
        (b"x-zed", b"2"),
        (b"user-agent", b"AzureOpenAI/Python 2.0"),
    ]
    received = await seen_of(upstream_at, UpstreamRequest(method="GET", path=b"/openai/x", query=b"", headers=headers))

    assert [each for each in received.headers if each[0] != b"Host"] == headers


async def test_no_header_is_added_but_those_that_http_asks_for(upstream_at: UpstreamAt) -> None:
    """aiohttp's own User-Agent, Accept and Accept-Encoding would tell Azure something the caller did not."""
    bare = await seen_of(upstream_at, get())
    with_body = await seen_of(upstream_at, post(b"{}"))

    assert [name for name, _ in bare.headers] == [b"Host"]
    assert [name for name, _ in with_body.headers] == [b"Host", b"Content-Length"]


async def test_our_credential_is_added(upstream_at: UpstreamAt) -> None:
    """It is all that opens the resource."""
    received = await seen_of(upstream_at, get(), ApiKey("secret"))

    assert received.values(b"api-key") == [b"secret"]


@pytest.mark.parametrize(
    "target",
    [
        b"/openai/files/a%2Fb",
        b"/openai/files/a+b%20c",
        b"/openai/files/%e2%82%ac/%E2%82%AC",
        b"/openai//double///slash/",
        b"/openai/a;b=c,d:e@f$g!h*(i)'j",
        b"/openai/%2e%2e/x",
        b"/openai/x?a=1+2&b=%2B&b=&&c=%zz&d",
        b"/openai/x?redirect=https://a/b?c%23",
        b'/openai/x?json={"a":[1]}|^`\\',
    ],
)
async def test_the_target_goes_out_byte_for_byte(upstream_at: UpstreamAt, target: bytes) -> None:
    """An id with an escaped slash is another resource once somebody has unescaped it."""
    path, _, query = target.partition(b"?")
    received = await seen_of(upstream_at, get(path, query))

    assert received.line == b"GET %s HTTP/1.1" % target


_visible = st.binary(max_size=40).map(lambda data: bytes(0x21 + each % 0x5E for each in data))


@given(path=_visible.map(lambda each: each.replace(b"#", b"").replace(b"?", b"")), query=_visible)
@example(path=b"@evil.example/x", query=b"")
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_target_goes_out_byte_for_byte_and_to_our_host(path: bytes, query: bytes) -> None:
    """Whatever a caller makes of the path, the credential goes to the resource and nowhere else."""
    target = b"/openai/" + path
    query = query.replace(b"#", b"")
    upstream = AiohttpUpstream(None, "https://name.openai.azure.com", CallersOwn())  # type: ignore[arg-type]
    url = upstream._url(get(target, query))

    assert (url.scheme, url.host, url.user) == ("https", "name.openai.azure.com", None)
    assert url.raw_path_qs.encode() == target + (b"?" + query if query else b"")


async def test_the_path_of_the_endpoint_is_not_put_before_the_callers(upstream_at: UpstreamAt) -> None:
    """People paste the endpoint with /openai/v1 behind it; callers send that themselves."""
    seen: list[Received] = []
    async with serving(answering(OK, seen)) as url:
        await read(await upstream_at(f"{url}/openai/v1/").send(get()))

    assert seen[0].line == b"GET /openai/models HTTP/1.1"


async def test_the_resource_is_the_host_of_the_endpoint(upstream_at: UpstreamAt) -> None:
    """It is what a record is matched to Azure's log by."""
    assert upstream_at("https://Contoso.openai.azure.com/").resource == "contoso.openai.azure.com"


@pytest.mark.parametrize(
    "buffers",
    [
        [b"{}"],
        [b"a", bytearray(b"b"), memoryview(b"xcx")[1:2], b""],
        [b"x" * 65_536],
        [b"x" * 65_537],
        [bytearray(b"ab" * 100_000), b"", b"tail", memoryview(b"y" * 300_000)],
    ],
)
async def test_a_body_of_buffers_goes_out_whole_with_its_length(
    upstream_at: UpstreamAt, buffers: Sequence[Buffer]
) -> None:
    """Below and above the size where it is sent in slices, and at it."""
    received = await seen_of(upstream_at, post(*buffers))

    assert received.body == b"".join(buffers)
    assert received.values(b"content-length") == [str(len(received.body)).encode()]
    assert not received.values(b"transfer-encoding")


async def test_a_stream_of_unknown_length_goes_out_chunk_by_chunk(upstream_at: UpstreamAt) -> None:
    """An upload that the caller chunked."""
    body = chunks_of(b"one", b"two", b"x" * 200_000)
    request = UpstreamRequest(method="POST", path=b"/openai/files", query=b"", body=body)
    received = await seen_of(upstream_at, request)

    assert received.pieces == [b"one", b"two", b"x" * 200_000]
    assert not received.values(b"content-length")


async def test_a_stream_of_known_length_goes_out_with_it(upstream_at: UpstreamAt) -> None:
    """Azure refuses some uploads that come chunked."""
    request = UpstreamRequest(
        method="PUT", path=b"/openai/files", query=b"", body=chunks_of(b"one", b"two"), content_length=6
    )
    received = await seen_of(upstream_at, request)

    assert received.body == b"onetwo"
    assert received.values(b"content-length") == [b"6"]
    assert not received.values(b"transfer-encoding")


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
async def test_a_request_without_a_body_has_none(upstream_at: UpstreamAt, method: str) -> None:
    """No length and no chunks, where the caller sent none."""
    received = await seen_of(upstream_at, UpstreamRequest(method=method, path=b"/openai/x", query=b""))

    assert received.line.startswith(method.encode())
    assert not received.values(b"transfer-encoding")
    assert received.values(b"content-length") in ([], [b"0"])


async def test_a_post_without_a_body_says_so(upstream_at: UpstreamAt) -> None:
    """`POST …/cancel` has none, and a front end answers 411 to one that does not say so."""
    received = await seen_of(upstream_at, UpstreamRequest(method="POST", path=b"/openai/x/cancel", query=b""))

    assert received.values(b"content-length") == [b"0"]


async def test_a_large_body_is_not_held_twice(upstream_at: UpstreamAt) -> None:
    """At 100 MB a call, one copy more is what an instance of 512 MB cannot spare."""
    sizes: list[int] = []

    async def swallow(connection: Connection) -> None:
        await connection.reader.readuntil(b"\r\n\r\n")
        left = 100 * MIB
        while left:
            left -= len(await connection.reader.read(MIB))
        sizes.append(left)
        await connection.send(OK)

    buffers = [bytearray(50 * MIB), bytearray(50 * MIB)]
    async with serving(swallow) as url:
        tracemalloc.start()
        try:
            await read(await upstream_at(url).send(post(*buffers)))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert sizes == [0]
    assert peak < 10 * MIB


async def test_an_answer_may_come_before_the_body_is_out(upstream_at: UpstreamAt) -> None:
    """Azure refuses a large upload by its headers; the caller is told at once."""
    ended = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 1000
                await asyncio.sleep(0.01)
        finally:
            ended.set()

    async def refuse(connection: Connection) -> None:
        await connection.reader.readuntil(b"\r\n\r\n")
        await connection.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        await connection.closed_by_peer()

    async with serving(refuse) as url, asyncio.timeout(3):
        response = await upstream_at(url).send(
            UpstreamRequest(method="POST", path=b"/openai/files", query=b"", body=endless())
        )
        body = await read(response)
        await ended.wait()

    assert (response.status, body) == (413, b"no")


# What comes in.


async def test_headers_come_in_as_azure_sent_them(upstream_at: UpstreamAt) -> None:
    """In order, as they were spelt, and twice what came twice."""
    answer = (
        b"HTTP/1.1 429 Too Many Requests\r\nretry-After: 7\r\nSet-Cookie: a=1\r\nX-Latin: \xe9\r\n"
        b"Set-Cookie: b=2; Path=/\r\nx-empty:\r\ncontent-length: 0\r\n\r\n"
    )
    async with serving(answering(answer)) as url:
        response = await upstream_at(url).send(get())
        await read(response)

    assert response.status == 429
    assert list(response.headers) == [
        (b"retry-After", b"7"),
        (b"Set-Cookie", b"a=1"),
        (b"X-Latin", b"\xe9"),
        (b"Set-Cookie", b"b=2; Path=/"),
        (b"x-empty", b""),
        (b"content-length", b"0"),
    ]
    assert response.header("RETRY-AFTER") == "7"
    assert response.header("x-none") is None


async def test_cookies_are_not_kept_for_the_next_call(upstream_at: UpstreamAt) -> None:
    """One caller's affinity cookie must not travel with another's call."""
    seen: list[Received] = []
    answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: session=alice\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    async with serving(answering(answer, seen)) as url:
        for _ in range(2):
            await read(await upstream_at(url).send(get()))

    assert [each.values(b"cookie") for each in seen] == [[], []]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer(upstream_at: UpstreamAt, status: int) -> None:
    """To follow it would send our credential to wherever it points."""
    seen: list[Received] = []
    answer = b"HTTP/1.1 %d Go\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n" % status
    async with serving(answering(answer, seen)) as url:
        response = await upstream_at(url).send(get())
        await read(response)

    assert response.status == status
    assert len(seen) == 1


@pytest.mark.parametrize("coding", [b"gzip", b"deflate", b"br", b"zstd", b"nonsense"])
async def test_an_encoded_answer_comes_as_it_was_sent(upstream_at: UpstreamAt, coding: bytes) -> None:
    """Bytes in, bytes out, whether or not we know the encoding."""
    packed = gzip.compress(b'{"usage":{}}')
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (coding, len(packed))
    async with serving(answering(head + packed)) as url:
        response = await upstream_at(url).send(get())

        assert await read(response) == packed


async def test_a_chunk_comes_before_the_next_is_sent(upstream_at: UpstreamAt) -> None:
    """A stream that is held back is no stream."""
    arrived = asyncio.Queue[bytes]()

    async def stream(connection: Connection) -> None:
        await connection.receive()
        await connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(3):
            await connection.send(b"1\r\n%d\r\n" % number)
            assert await arrived.get() == b"%d" % number
        await connection.send(b"0\r\n\r\n")
        await connection.closed_by_peer()

    async with serving(stream) as url, asyncio.timeout(3):
        response = await upstream_at(url).send(get())
        while chunk := await response.next_chunk():
            await arrived.put(chunk)
        await response.close()


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_without_a_body_ends_at_its_headers(upstream_at: UpstreamAt, status: int) -> None:
    """To wait for a body that never comes is to hang until the time-out."""
    async with serving(answering(b"HTTP/1.1 %d Nothing\r\n\r\n" % status)) as url, asyncio.timeout(3):
        assert await read(await upstream_at(url).send(get())) == b""


async def test_the_answer_to_head_keeps_its_length_and_has_no_body(upstream_at: UpstreamAt) -> None:
    """The length is that of the body a GET would have had."""
    async with serving(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")) as url, asyncio.timeout(3):
        response = await upstream_at(url).send(UpstreamRequest(method="HEAD", path=b"/openai/x", query=b""))

        assert await read(response) == b""
        assert response.header("content-length") == "500"


async def test_a_connection_is_used_again(upstream_at: UpstreamAt) -> None:
    """A TLS handshake a call would cost more than all the rest."""
    connections: list[Connection] = []

    async def keep_alive(connection: Connection) -> None:
        connections.append(connection)
        while True:
            await connection.receive()
            await connection.send(OK)

    async with serving(keep_alive) as url:
        for _ in range(3):
            await read(await upstream_at(url).send(post(b"{}")))

    assert len(connections) == 1


async def test_closing_in_the_middle_closes_the_connection(upstream_at: UpstreamAt) -> None:
    """It is how Azure learns that nobody reads on, and stops to generate."""

    async def endless(connection: Connection) -> None:
        await connection.receive()
        await connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
        await connection.closed_by_peer()
        closed.set()

    closed = asyncio.Event()
    async with serving(endless) as url, asyncio.timeout(3):
        response = await upstream_at(url).send(get())
        await response.next_chunk()
        await response.close()
        await response.close()
        await closed.wait()


# How it breaks.


async def failure_of(
    upstream_at: UpstreamAt, handler: Handler, request: UpstreamRequest | None = None
) -> UpstreamError:
    """Return what a call to this server raises, wherever it raises."""
    async with serving(handler) as url:
        with pytest.raises(UpstreamError) as raised:
            await read(await upstream_at(url).send(request or get()))
    return raised.value


@pytest.mark.parametrize("host", ["127.0.0.1", "name.invalid"])
async def test_no_connection_is_unreachable(upstream_at: UpstreamAt, host: str) -> None:
    """Nothing was sent, so nothing can have been charged."""
    with pytest.raises(UpstreamUnreachable):
        await upstream_at(f"http://{host}:{unused_port()}").send(get())


async def test_a_server_that_speaks_no_tls_is_unreachable(upstream_at: UpstreamAt) -> None:
    """The handshake comes before the request: nothing was sent."""

    async def greet(connection: Connection) -> None:
        await connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with serving(greet) as url:
        with pytest.raises(UpstreamUnreachable):
            await upstream_at(url.replace("http:", "https:")).send(get())


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
async def test_silence_is_timed_out(sent: bytes) -> None:
    """Before the headers as after them: a dead peer must not hold a call for ever."""
    async with upstream_session(idle_seconds=0.2) as session, serving(answering(sent)) as url, asyncio.timeout(3):
        with pytest.raises(UpstreamTimedOut):
            await read(await AiohttpUpstream(session, url, CallersOwn()).send(post(b"{}")))


async def test_a_slow_answer_that_keeps_coming_is_not_timed_out() -> None:
    """A long answer may take longer than any silence may."""

    async def drip(connection: Connection) -> None:
        await connection.receive()
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n")
        for _ in range(6):
            await asyncio.sleep(0.1)
            await connection.send(b"x")

    async with upstream_session(idle_seconds=0.3) as session, serving(drip) as url:
        assert await read(await AiohttpUpstream(session, url, CallersOwn()).send(get())) == b"x" * 6


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhal",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nnonsense\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x50\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: %s\r\n\r\n" % (b"x" * 200_000),
    ],
)
@pytest.mark.parametrize("ends_with_reset", [False, True])
async def test_a_broken_answer_is_cut(upstream_at: UpstreamAt, sent: bytes, ends_with_reset: bool) -> None:
    """The request was sent: Azure may have done the work, and a record says so."""

    async def break_off(connection: Connection) -> None:
        await connection.receive()
        await connection.send(sent)
        await asyncio.sleep(0.05)
        if ends_with_reset:
            connection.reset()

    error = await failure_of(upstream_at, break_off, post(b"{}"))

    assert type(error) is UpstreamCut
    assert error.__cause__ is not None


async def test_what_arrived_before_the_break_is_passed_on(upstream_at: UpstreamAt) -> None:
    """Also where the caller was too slow to have read it: Azure sent it, and charged for it."""

    async def break_off(connection: Connection) -> None:
        await connection.receive()
        await connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")

    async with serving(break_off) as url:
        response = await upstream_at(url).send(get())
        await asyncio.sleep(0.1)
        arrived = await response.next_chunk()
        with pytest.raises(UpstreamCut):
            await response.next_chunk()
        await response.close()

    assert arrived == b"half"


async def test_a_request_body_that_breaks_is_cut_and_never_whole(upstream_at: UpstreamAt) -> None:
    """The caller hung up in mid-upload: Azure must not take the half for the whole."""
    seen = asyncio.Queue[bytes]()

    async def half() -> AsyncIterator[bytes]:
        yield b"half"
        await asyncio.sleep(0.05)
        raise CallerGone("gone")

    async def take(connection: Connection) -> None:
        await connection.reader.readuntil(b"\r\n\r\n")
        seen.put_nowait(await connection.reader.read())

    request = UpstreamRequest(method="POST", path=b"/openai/files", query=b"", body=half())
    async with serving(take) as url, asyncio.timeout(3):
        with pytest.raises(UpstreamCut):
            await upstream_at(url).send(request)

        assert await seen.get() == b"4\r\nhalf\r\n"


async def test_a_post_on_a_connection_that_died_is_not_sent_again(upstream_at: UpstreamAt) -> None:
    """Azure may have done the work: to do it twice is to pay for it twice."""
    seen: list[Received] = []

    async def answer_once(connection: Connection) -> None:
        for _ in range(2):
            seen.append(await connection.receive())
            if len(seen) > 1:
                return
            await connection.send(OK)

    async with serving(answer_once) as url:
        await read(await upstream_at(url).send(post(b"1")))
        with pytest.raises(UpstreamCut):
            await upstream_at(url).send(post(b"2"))

    assert [each.body for each in seen] == [b"1", b"2"]


async def test_an_upload_on_a_connection_that_died_is_not_sent_again_without_its_body(upstream_at: UpstreamAt) -> None:
    """A stream can be read once; what is left of it is not the upload."""
    seen: list[Received] = []

    async def answer_once(connection: Connection) -> None:
        for _ in range(2):
            seen.append(await connection.receive())
            if len(seen) > 1:
                return
            await connection.send(OK)

    async with serving(answer_once) as url, asyncio.timeout(3):
        await read(await upstream_at(url).send(get()))
        with pytest.raises(UpstreamCut):
            await upstream_at(url).send(
                UpstreamRequest(method="PUT", path=b"/openai/files", query=b"", body=chunks_of(b"2"))
            )

    assert [each.body for each in seen] == [b"", b"2"]


async def test_no_error_tells_a_secret(upstream_at: UpstreamAt) -> None:
    """Error messages go to callers and logs; the credential and the request are nobody else's."""
    errors: list[LedgerError] = []
    for handler in (answering(b"garbage\r\n\r\n"), _close):
        async with serving(handler) as url:
            with pytest.raises(UpstreamError) as raised:
                await upstream_at(url, ApiKey("s3cret")).send(post(b"a prompt"))
        errors.append(raised.value)

    assert not any("s3cret" in str(error) or "a prompt" in str(error) for error in errors)


async def _close(connection: Connection) -> None:
    await connection.receive()
