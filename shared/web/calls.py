"""A framework's request as ours."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect, Request

from shared.domain.errors import CallerGone, HeadersTooLarge
from shared.domain.relayed_headers import header_value
from shared.ports import Header
from shared.usecases.identify_principal import Credentials
from shared.usecases.relay_call import IncomingCall

# What the Functions host itself takes (Kestrel's MaxRequestHeadersTotalSize).
MAX_HEADER_BYTES = 32 * 1024


def credentials_of(request: Request) -> Credentials:
    """Return what the request shows to prove a principal, unverified."""
    headers = _headers(request)
    return Credentials(
        authorization=header_value(headers, b"authorization"),
        api_key=header_value(headers, b"api-key"),
        client_principal=header_value(headers, b"x-ms-client-principal"),
    )


def incoming_call(request: Request) -> IncomingCall:
    """
    Return the request as the relay takes it; its body is read when the relay reads it.

    Raises:
        HeadersTooLarge: the headers are over the platform's own limit.
    """
    headers = _headers(request)
    if sum(len(name) + len(value) for name, value in headers) > MAX_HEADER_BYTES:
        raise HeadersTooLarge(f"the request headers are larger than {MAX_HEADER_BYTES} bytes")
    length = header_value(headers, b"content-length")
    return IncomingCall(
        method=request.method,
        path=request.scope["raw_path"],
        query=request.scope["query_string"],
        headers=headers,
        body=_body(request),
        has_body=length not in {None, "0"} or header_value(headers, b"transfer-encoding") is not None,
        content_length=int(length) if length and length.isdecimal() else None,
        caller_address=_caller_address(request),
    )


def _headers(request: Request) -> list[Header]:
    headers: list[Header] = request.scope["headers"]
    return headers


async def _body(request: Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.stream():
            if chunk:
                yield chunk
    except ClientDisconnect as error:
        raise CallerGone("the caller hung up before its request was here") from error


def _caller_address(request: Request) -> str | None:
    """
    Return the address the platform saw.

    App Service's front end appends it to `X-Forwarded-For`, with a port; what stands before
    the last comma was claimed by the caller.
    """
    forwarded = header_value(_headers(request), b"x-forwarded-for")
    if forwarded:
        return _without_port(forwarded.rsplit(",", 1)[-1].strip())
    return request.client.host if request.client else None


def _without_port(address: str) -> str:
    if address.startswith("["):
        return address[1:].split("]", 1)[0]
    return address.split(":", 1)[0] if address.count(":") == 1 else address
