"""A framework's request as ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect, Request

from shared.domain.errors import CallerGone, HeadersTooLarge, PrincipalNotProved
from shared.domain.relayed_headers import header_value
from shared.ports.upstream import Header
from shared.usecases.identify_principal import Credentials
from shared.usecases.incoming_call import IncomingCall

# What the Functions host itself takes (Kestrel's MaxRequestHeadersTotalSize).
MAX_HEADER_BYTES = 32 * 1024


_CREDENTIAL_HEADERS = frozenset({b"authorization", b"api-key", b"x-ms-client-principal"})


def credentials_of(request: Request) -> Credentials:
    """
    Return what the request shows to prove a principal, unverified.

    Raises:
        PrincipalNotProved: a credential is there twice, and the second would go on unexamined.
    """
    headers = _headers(request)
    shown = [key for name, _ in headers if (key := name.lower()) in _CREDENTIAL_HEADERS]
    if len(shown) > len(set(shown)):
        raise PrincipalNotProved("a header with a credential is there more than once")
    return Credentials(
        authorization=header_value(headers, b"authorization"),
        api_key=header_value(headers, b"api-key"),
        client_principal=header_value(headers, b"x-ms-client-principal"),
    )


class CallersBody:
    """A request's body. `is_read` is set when no more of it will be read: only then may somebody else receive."""

    def __init__(self, request: Request) -> None:
        self.is_read = asyncio.Event()
        self._request = request

    async def chunks(self) -> AsyncIterator[bytes]:
        """
        Yield the body as it comes.

        Raises:
            CallerGone: it broke off.
        """
        try:
            async for chunk in self._request.stream():
                if chunk:
                    yield chunk
        except ClientDisconnect as error:
            raise CallerGone("the caller hung up before its request was here") from error
        finally:
            self.is_read.set()


def incoming_call(request: Request, body: CallersBody) -> IncomingCall:
    """
    Return the request as the relay takes it; its body is read when the relay reads it.

    Raises:
        HeadersTooLarge: the headers are over the platform's own limit.
    """
    headers = _headers(request)
    if sum(len(name) + len(value) for name, value in headers) > MAX_HEADER_BYTES:
        raise HeadersTooLarge(f"the request headers are larger than {MAX_HEADER_BYTES} bytes")
    length = header_value(headers, b"content-length")
    has_body = length not in {None, "0"} or header_value(headers, b"transfer-encoding") is not None
    if not has_body:
        body.is_read.set()
    return IncomingCall(
        method=request.method,
        path=request.scope["raw_path"],
        query=request.scope["query_string"],
        headers=headers,
        body=body.chunks(),
        has_body=has_body,
        content_length=int(length) if length and length.isdecimal() else None,
        caller_address=_caller_address(request),
    )


def _headers(request: Request) -> list[Header]:
    headers: list[Header] = request.scope["headers"]
    return headers


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
