"""Our errors as HTTP: one table of statuses, one body that the OpenAI SDKs read.

The SDKs choose the exception by status (401 is `AuthenticationError`) and take `message`,
`type`, `param` and `code` from `error`.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from shared.domain import errors

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HttpError:
    """How one kind of error looks on the wire. `retry_after` is seconds."""

    status: int
    type: str
    retry_after: int | None = None


_SERVER_ERROR = HttpError(500, "server_error")

HTTP_ERRORS: dict[type[errors.LedgerError], HttpError] = {
    errors.LedgerError: _SERVER_ERROR,
    errors.CallerError: HttpError(400, "invalid_request_error"),
    errors.PrincipalNotProved: HttpError(401, "authentication_error"),
    errors.PrincipalNotAllowed: HttpError(403, "permission_error"),
    errors.MalformedRequest: HttpError(400, "invalid_request_error"),
    errors.BodyTooLarge: HttpError(413, "invalid_request_error"),
    errors.KeyNotFound: HttpError(404, "invalid_request_error"),
    errors.RecordNotFound: HttpError(404, "invalid_request_error"),
    errors.FindingNotFound: HttpError(404, "invalid_request_error"),
    errors.HeadersTooLarge: HttpError(431, "invalid_request_error"),
    # nginx's number for it; nobody is there to read it.
    errors.CallerGone: HttpError(499, "invalid_request_error"),
    errors.UpstreamError: HttpError(502, "server_error"),
    errors.UpstreamUnreachable: HttpError(502, "server_error"),
    errors.UpstreamTimedOut: HttpError(504, "server_error"),
    errors.UpstreamCut: HttpError(502, "server_error"),
    errors.UpstreamNotAuthorized: HttpError(502, "server_error"),
    errors.StorageError: HttpError(503, "server_error", retry_after=1),
    # As long as nobody else tries: see usecases/guarded_ledger.py.
    errors.StorageUnavailable: HttpError(503, "server_error", retry_after=5),
    errors.StorageNotAuthorized: HttpError(503, "server_error", retry_after=5),
    errors.StorageRejected: HttpError(500, "server_error"),
    errors.KeysUnavailable: HttpError(503, "server_error", retry_after=5),
    errors.OurError: _SERVER_ERROR,
    errors.LineUnreadable: _SERVER_ERROR,
    # The timer meets them, and no caller.
    errors.WebhookError: _SERVER_ERROR,
    errors.WebhookFailed: _SERVER_ERROR,
    errors.WebhookRefused: _SERVER_ERROR,
    errors.ShuttingDown: HttpError(503, "server_error", retry_after=1),
    errors.SettingsInvalid: _SERVER_ERROR,
}

# Whose message is for the operator alone: the caller is told the code.
_PRIVATE = (errors.OurError, errors.StorageError)


def error_response(error: errors.LedgerError) -> Response:
    """Return the response for an error of ours."""
    http = HTTP_ERRORS[type(error)]
    headers = {"retry-after": str(http.retry_after)} if http.retry_after else {}
    if http.status == 401:
        headers["www-authenticate"] = "Bearer"
    body = {"error": {"message": _message(error), "type": http.type, "param": None, "code": error.code}}
    return Response(msgspec.json.encode(body), status_code=http.status, headers=headers, media_type="application/json")


def _message(error: errors.LedgerError) -> str:
    if isinstance(error, _PRIVATE) or not str(error):
        return f"aoai-ledger could not serve this call ({error.code}); its operator's log says why"
    return str(error)


Endpoint = Callable[[Any, Request], Awaitable[Response]]


def answering_errors(endpoint: Endpoint) -> Endpoint:
    """
    Return the endpoint with every error answered: the edge, beyond which nothing may be raised.

    The platform would answer an exception with a bare 500 that no SDK can read.
    """

    @functools.wraps(endpoint)
    async def answered(self: Any, request: Request) -> Response:
        try:
            return await endpoint(self, request)
        except errors.LedgerError as error:
            _log(error)
            return error_response(error)
        except Exception:
            logger.exception("call.failed")
            return error_response(errors.OurError("unexpected"))

    return answered


def _log(error: errors.LedgerError) -> None:
    # What the caller did wrong the caller is told; the rest is for the operator.
    if not isinstance(error, errors.CallerError):
        reason = f"{error} ({type(error.__cause__).__name__})" if error.__cause__ else str(error)
        logger.warning("call.refused", extra={"code": error.code, "reason": reason})
