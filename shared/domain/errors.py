"""Every error we raise on purpose: the caller's fault, upstream's, storage's, or ours.

An adapter turns its library's exceptions into these with `raise ... from`; one table in
`web/errors.py` turns these into a status. A message names what is wrong and never holds a
credential, a prompt or an answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class LedgerError(Exception):
    """The root: catch it at the edge, never in between. `code` is what callers and rows see."""

    code: ClassVar[str] = "internal_error"


class CallerError(LedgerError):
    """The caller can mend it."""

    code = "bad_request"


class PrincipalNotProved(CallerError):
    """No credential, or one that proves nothing."""

    code = "invalid_credentials"


class PrincipalNotAllowed(CallerError):
    """We know who it is, and it may not do this."""

    code = "not_allowed"


class MalformedRequest(CallerError):
    """The request cannot be understood."""

    code = "malformed_request"


class BodyTooLarge(CallerError):
    """The request body is over the limit."""

    code = "body_too_large"


class HeadersTooLarge(CallerError):
    """The request headers together are over the limit."""

    code = "headers_too_large"


class KeyNotFound(CallerError):
    """No gateway key has this id, or more than one."""

    code = "key_not_found"


class RecordNotFound(CallerError):
    """No call has this id, or none that the asker may see."""

    code = "record_not_found"


class FindingNotFound(CallerError):
    """No finding has this id."""

    code = "finding_not_found"


class CallerGone(CallerError):
    """The caller hung up before its request was here."""

    code = "caller_gone"


class UpstreamError(LedgerError):
    """Azure OpenAI gave no answer. An error status it did send is an answer."""

    code = "upstream_error"


class UpstreamUnreachable(UpstreamError):
    """No connection: nothing was sent."""

    code = "upstream_unreachable"


class UpstreamTimedOut(UpstreamError):
    """No sign of life within the time allowed."""

    code = "upstream_timed_out"


class UpstreamCut(UpstreamError):
    """The connection broke after something was sent: Azure may have done the work."""

    code = "upstream_cut"


class UpstreamNotAuthorized(UpstreamError):
    """We got no token to show upstream."""

    code = "upstream_not_authorized"


class StorageError(LedgerError):
    """The storage account failed us."""

    code = "storage_error"


class StorageUnavailable(StorageError):
    """Down, throttled or too slow: the same request may succeed later."""

    code = "storage_unavailable"


class StorageNotAuthorized(StorageUnavailable):
    """Storage does not let us in: as good as down, until the operator has mended that."""

    code = "storage_not_authorized"


class StorageRejected(StorageError):
    """Storage refused this request and would refuse it again."""

    code = "storage_rejected"


class KeysUnavailable(LedgerError):
    """Entra's signing keys cannot be had, so no token can be checked."""

    code = "signing_keys_unavailable"


class OurError(LedgerError):
    """A fault of this program or its settings."""

    code = "internal_error"


class LineUnreadable(LedgerError):
    """A line of Azure's logs cannot be understood. Its text is in no message: it may hold a prompt."""

    code = "line_unreadable"


class WebhookError(LedgerError):
    """Somebody could not be told of a finding."""

    code = "webhook_error"


class WebhookFailed(WebhookError):
    """Down or too slow: the same message may be taken later."""

    code = "webhook_failed"


class WebhookRefused(WebhookError):
    """It will never take this message."""

    code = "webhook_refused"


class ShuttingDown(OurError):
    """The worker has been told to stop and takes no new calls; another one will."""

    code = "shutting_down"


class SettingsInvalid(OurError):
    """The settings are missing or wrong; the message names all of them, `problems` one by one."""

    code = "settings_invalid"

    def __init__(self, message: str, problems: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems) or (message,)
