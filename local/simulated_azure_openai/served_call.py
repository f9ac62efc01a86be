"""A call that was answered, as Azure OpenAI's own logs could tell of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

import jwt
from aiohttp import web

from local.simulated_azure_openai.answer import Answer
from local.simulated_azure_openai.request_log import ReceivedRequest
from local.simulated_azure_openai.token_counts import TokenCounts

# As `gpt-4o-2024-11-20` and `gpt-35-turbo-0125`; a name without is a first version.
_VERSIONED = re.compile(r"(.+?)-(\d{4}(?:-\d\d-\d\d)?)")
_FIRST_VERSION = "1"
# Who calls from another machine than ours says so: the logs have the address of the connection otherwise.
ADDRESS_HEADER = "x-simulate-address"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedCall:
    """
    One call that reached the service, whatever it answered.

    `correlation_id` is the apim-request-id of the answer. `duration` is that to the end of the answer, of a
    stream to its beginning. `operation` is the name that Azure's logs have for it. `api_version` is None under
    /openai/v1. `object_id` is "" where the caller came with a key, and None counts (`tokens`) are not charged.
    """

    correlation_id: str
    requested_at: datetime
    duration: timedelta = timedelta(milliseconds=850)
    operation: str = "ChatCompletions_Create"
    api_version: str | None = "2024-10-21"
    status: int = 200
    streamed: bool = False
    deployment: str | None = "gpt-4o"
    model: str | None = "gpt-4o-2024-11-20"
    object_id: str = ""
    caller_address: str = "127.0.0.1"
    request_bytes: int = 512
    response_bytes: int = 1024
    tokens: TokenCounts | None = None

    @property
    def responded_at(self) -> datetime:
        return self.requested_at + self.duration

    @property
    def model_name(self) -> str | None:
        """The model without its version."""
        found = _VERSIONED.fullmatch(self.model or "")
        return found[1] if found else self.model

    @property
    def model_version(self) -> str | None:
        found = _VERSIONED.fullmatch(self.model or "")
        return found[2] if found else self.model and _FIRST_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request was for, as far as the service found out."""

    operation: str
    api_version: str | None = None
    deployment: str | None = None
    model: str | None = None


def served_call(
    request: web.BaseRequest, received: ReceivedRequest, asked: Asked, answer: Answer, duration: timedelta
) -> ServedCall:
    """Return what the logs can tell of a call."""
    return ServedCall(
        correlation_id=received.apim_request_id,
        requested_at=received.received_at,
        duration=duration,
        operation=asked.operation,
        api_version=asked.api_version,
        status=answer.status,
        streamed=answer.streamed,
        deployment=asked.deployment,
        model=asked.model,
        object_id="" if answer.status == HTTPStatus.UNAUTHORIZED else _object_id(request),
        caller_address=request.headers.get(ADDRESS_HEADER) or request.remote or "",
        request_bytes=received.body_bytes,
        # Azure says 0 of a stream.
        response_bytes=0 if answer.streamed else sum(map(len, answer.chunks)),
        tokens=answer.tokens,
    )


def _object_id(request: web.BaseRequest) -> str:
    """Return the object id of an Entra token, which nobody here checks; "" for a key, or what is no such token."""
    scheme, _, unverified_token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return ""
    try:
        claims = jwt.decode(unverified_token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return ""
    return str(claims.get("oid", ""))
