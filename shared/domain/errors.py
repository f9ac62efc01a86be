"""Every error we raise on purpose: the caller's fault, upstream's, storage's, or ours.

An adapter turns its library's exceptions into these with `raise ... from`; one table in
`web/errors.py` turns these into a status. A message names what is wrong and never holds a
credential, a prompt or an answer.
"""

from __future__ import annotations


class LedgerError(Exception):
    """The root: catch it at the edge, never in between."""


class CallerError(LedgerError):
    """The caller can mend it."""


class PrincipalNotProved(CallerError):
    """No credential, or one that proves nothing."""


class PrincipalNotAllowed(CallerError):
    """We know who it is, and it may not do this."""


class MalformedRequest(CallerError):
    """The request cannot be understood."""


class BodyTooLarge(CallerError):
    """The request body is over the limit."""


class HeadersTooLarge(CallerError):
    """The request headers together are over the limit."""


class UpstreamError(LedgerError):
    """Azure OpenAI gave no answer. An error status it did send is an answer."""


class UpstreamUnreachable(UpstreamError):
    """No connection, or it broke before the answer's headers."""


class UpstreamTimedOut(UpstreamError):
    """No sign of life within the time allowed."""


class UpstreamCut(UpstreamError):
    """The answer broke off in the middle."""


class UpstreamNotAuthorized(UpstreamError):
    """We got no token to show upstream."""


class StorageError(LedgerError):
    """The storage account failed us."""


class StorageUnavailable(StorageError):
    """Down, throttled or too slow: the same request may succeed later."""


class StorageRejected(StorageError):
    """Storage refused this request and would refuse it again."""


class KeysUnavailable(LedgerError):
    """Entra's signing keys cannot be had, so no token can be checked."""


class OurError(LedgerError):
    """A fault of this program or its settings."""


class SettingsInvalid(OurError):
    """The settings are missing or wrong; the message names all of them."""
