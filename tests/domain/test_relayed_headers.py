"""What is end-to-end goes on as it came; what is a credential or the platform's stays behind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.relayed_headers import (
    Header,
    header_value,
    headers_for_caller,
    headers_for_upstream,
    query_for_upstream,
    replaced,
)

HOP_BY_HOP = (
    "Connection Keep-Alive Proxy-Authenticate Proxy-Authorization Proxy-Connection TE Trailer Transfer-Encoding Upgrade"
).split()
CREDENTIALS = "Authorization api-key Cookie Ocp-Apim-Subscription-Key x-functions-key X-ZUMO-AUTH".split()
PLATFORM = (
    "Host Content-Length Expect Client-IP DISGUISED-HOST Forwarded Max-Forwards WAS-DEFAULT-HOSTNAME X-ARR-LOG-ID "
    "X-ARR-SSL X-AppService-Proto X-Client-IP X-Client-Port X-Forwarded-For X-Forwarded-Proto X-Original-URL "
    "X-SITE-DEPLOYMENT-ID X-WAWS-Unencoded-URL X-MS-CLIENT-PRINCIPAL X-MS-CLIENT-PRINCIPAL-ID "
    "X-MS-TOKEN-AAD-ACCESS-TOKEN x-ms-invocation-id"
).split()
KEPT: list[Header] = [
    (b"Content-Type", b"application/json"),
    (b"x-ms-client-request-id", b"1"),
    (b"X-Stainless-Lang", b"python"),
    (b"accept", b"a"),
    (b"Accept", b"b"),
    (b"accept", b"a"),
    (b"traceparent", b"00-\xff"),
    (b"x-ms-useragent", b""),
    (b"OpenAI-Beta", b"assistants=v2"),
]


def between_kept(name: bytes, value: bytes = b"secret") -> list[Header]:
    return [*KEPT[:3], (name, value), *KEPT[3:], (name, value)]


@pytest.mark.parametrize("name", [*HOP_BY_HOP, *CREDENTIALS, *PLATFORM])
def test_what_is_not_for_azure_stays_behind_in_any_case(name: str) -> None:
    """A caller's token was meant for us, and a platform header would tell Azure what it must not trust."""
    for spelling in (name, name.lower(), name.upper(), name.swapcase()):
        assert headers_for_upstream(between_kept(spelling.encode())) == KEPT


@pytest.mark.parametrize("name", HOP_BY_HOP)
def test_what_is_of_the_connection_to_azure_stays_with_us(name: str) -> None:
    """RFC 9110, 7.6.1: they speak of one connection only."""
    for spelling in (name, name.lower(), name.upper()):
        assert headers_for_caller(between_kept(spelling.encode())) == KEPT


def test_azures_headers_reach_the_caller() -> None:
    """SDKs read them: limits, ids, and the cookie of a session."""
    headers: list[Header] = [
        (b"Content-Length", b"2"),
        (b"apim-request-id", b"1"),
        (b"Set-Cookie", b"a=1"),
        (b"Set-Cookie", b"b=2"),
        (b"x-ms-region", b"East US"),
        (b"Retry-After", b"3"),
    ]

    assert headers_for_caller(headers) == headers


@pytest.mark.parametrize("connection", [b"close, X-Own", b"x-own", b" X-OWN ,close", b",X-Own,,"])
def test_what_the_connection_header_names_is_of_the_connection(connection: bytes) -> None:
    """A hop may name headers of its own; they end where it ends."""
    headers = [*KEPT, (b"CONNECTION", connection), (b"x-Own", b"1")]

    assert headers_for_upstream(headers) == KEPT
    assert headers_for_caller(headers) == KEPT


def test_every_connection_header_is_heeded() -> None:
    """It may come more than once."""
    headers = [*KEPT, (b"Connection", b"x-a"), (b"Connection", b"x-b"), (b"x-a", b"1"), (b"x-b", b"2")]

    assert headers_for_upstream(headers) == KEPT


def test_a_credential_goes_on_where_the_operator_said_so() -> None:
    """That one only: the others stay ours."""
    headers: list[Header] = [(b"Authorization", b"Bearer t"), (b"api-key", b"k"), (b"Cookie", b"c")]

    assert headers_for_upstream(headers, forwarded_credentials=frozenset({b"authorization"})) == headers[:1]


names = st.sampled_from([name.encode() for name in [*HOP_BY_HOP, *CREDENTIALS, *PLATFORM]] + [name for name, _ in KEPT])


@given(st.lists(st.tuples(names, st.binary(max_size=5))))
def test_what_goes_on_keeps_its_order_and_its_repeats(headers: list[Header]) -> None:
    """Some headers say another thing in another order."""
    kept_names = {name for name, _ in KEPT}
    named = {token.strip().lower() for name, value in headers if name == b"Connection" for token in value.split(b",")}
    expected = [(n, v) for n, v in headers if n in kept_names and n.lower() not in named]

    assert headers_for_upstream(headers) == expected


@pytest.mark.parametrize(
    "secret",
    [
        b"code=s",
        b"CODE=s",
        b"code",
        b"code=",
        b"code=s=t",
        b"%63ode=s",
        b"%63%6F%64%65=s",
        b"co%64e=s",
        b"api-key=s",
        b"Api-Key=s",
        b"api%2Dkey=s",
        b"api%2dkey=s",
        b"subscription-key=s",
    ],
)
def test_a_credential_in_the_query_stays_behind_in_any_spelling(secret: bytes) -> None:
    """Azure would log it; the Functions host takes its key there, and so do old clients."""
    assert query_for_upstream(secret) == b""
    assert query_for_upstream(b"api-version=1&" + secret) == b"api-version=1"
    assert query_for_upstream(secret + b"&api-version=1") == b"api-version=1"
    assert query_for_upstream(b"a=1&" + secret + b"&b=2&" + secret) == b"a=1&b=2"


@pytest.mark.parametrize(
    "query",
    [
        b"",
        b"api-version=2024-10-21",
        b"a=%2F%2f+%20&b=\xff&&c&d==",
        b"codes=1&xcode=2&encode=3&x=code&my-api-key=4",
        b"a=1;code=2",
        b"%zz=1",
    ],
)
def test_the_rest_of_the_query_goes_on_byte_for_byte(query: bytes) -> None:
    """A cursor escaped another way is another cursor."""
    assert query_for_upstream(query) == query


def test_a_header_is_found_in_any_case() -> None:
    """HTTP/1 callers write it as they like; the first one counts."""
    headers: list[Header] = [(b"X-A", b"1"), (b"x-a", b"2"), (b"x-b", b"\xff")]

    assert header_value(headers, b"x-a") == "1"
    assert header_value(headers, b"x-b") == "ÿ"
    assert header_value(headers, b"x-c") is None


def test_a_replaced_header_is_there_once() -> None:
    """Two of `Accept-Encoding` would ask for what we said we do not want."""
    headers: list[Header] = [(b"Accept-Encoding", b"gzip"), (b"x", b"1"), (b"accept-encoding", b"br")]

    assert replaced(headers, b"accept-encoding", b"identity") == [(b"x", b"1"), (b"accept-encoding", b"identity")]
    assert replaced([], b"x", b"1") == [(b"x", b"1")]
