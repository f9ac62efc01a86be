"""Which headers and query parameters go on, in either direction.

All that is end-to-end goes on as it came. What stays behind is hop-by-hop, what the Functions
platform added, and every credential of the caller: it was meant for us.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

Header = tuple[bytes, bytes]

# https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1
_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)

_CREDENTIALS = frozenset(
    {
        b"authorization",
        b"api-key",
        b"cookie",
        b"ocp-apim-subscription-key",
        b"x-functions-key",
        b"x-zumo-auth",
    }
)

# Added on the way by App Service's front end and the Functions host; `host` and
# `content-length` are made anew for the upstream connection, `expect` was answered by us.
_OURS = frozenset(
    {
        b"host",
        b"content-length",
        b"expect",
        b"client-ip",
        b"disguised-host",
        b"forwarded",
        b"max-forwards",
        b"was-default-hostname",
        b"x-client-ip",
        b"x-client-port",
    }
)
_PLATFORM_PREFIXES = (
    b"x-ms-client-principal",
    b"x-ms-token-",
    b"x-ms-invocation-id",
    b"x-arr-",
    b"x-appservice-",
    b"x-forwarded-",
    b"x-original-",
    b"x-site-",
    b"x-waws-",
)
_STAY_BEHIND = _HOP_BY_HOP | _CREDENTIALS | _OURS

_SECRET_PARAMETERS = frozenset({b"code", b"api-key", b"subscription-key"})


def headers_for_upstream(
    headers: Sequence[Header], *, forwarded_credentials: frozenset[bytes] = frozenset()
) -> list[Header]:
    """
    Return what goes upstream of a caller's headers.

    Credentials stay behind, but for those of `forwarded_credentials` (lower-case names).
    """
    dropped = (_STAY_BEHIND - forwarded_credentials) | _named_by_connection(headers)
    return [
        (name, value)
        for name, value in headers
        if (key := name.lower()) not in dropped and not key.startswith(_PLATFORM_PREFIXES)
    ]


def headers_for_caller(headers: Sequence[Header]) -> list[Header]:
    """Return what goes back of upstream's headers: all but those of its connection to us."""
    named = _named_by_connection(headers)
    return [(name, value) for name, value in headers if (key := name.lower()) not in _HOP_BY_HOP and key not in named]


def query_for_upstream(query: bytes) -> bytes:
    """Return the query without the caller's credentials, else byte for byte."""
    if not query:
        return query
    return b"&".join(part for part in query.split(b"&") if _parameter_name(part) not in _SECRET_PARAMETERS)


def header_value(headers: Sequence[Header], name: bytes) -> str | None:
    """Return the first header of this lower-case name as text, None if there is none."""
    for key, value in headers:
        if key.lower() == name:
            return value.decode("latin-1")
    return None


def replaced(headers: Sequence[Header], name: bytes, value: bytes) -> list[Header]:
    """Return the headers with exactly one of this lower-case name."""
    return [*((key, old) for key, old in headers if key.lower() != name), (name, value)]


def _named_by_connection(headers: Sequence[Header]) -> frozenset[bytes]:
    values = [value for name, value in headers if name.lower() == b"connection"]
    return frozenset(token.strip().lower() for value in values for token in value.split(b","))


def _parameter_name(part: bytes) -> bytes:
    return unquote_to_bytes(part.split(b"=", 1)[0]).lower()
