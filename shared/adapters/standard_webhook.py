"""Tells another system of findings, signed as Standard Webhooks are, so that any of its libraries can check it.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from datetime import datetime

import aiohttp

from shared import VERSION
from shared.domain.errors import SettingsInvalid, WebhookFailed, WebhookRefused

SECRET_PREFIX = "whsec_"  # noqa: S105 - of every secret, and none
# As the specification has them.
_MIN_SECRET_BYTES, _MAX_SECRET_BYTES = 24, 64
_TIMEOUT = aiohttp.ClientTimeout(total=15.0)
# The receiver wants no more messages.
_GONE = 410


class StandardWebhook:
    """Fulfils Webhook. The session is the bootstrap's, to open and to close."""

    def __init__(self, session: aiohttp.ClientSession, url: str, secret: str) -> None:
        """Take where to, and the secret as `whsec_` with base64. Raises SettingsInvalid: it is none."""
        self._session = session
        self._url = url
        self._key = _key(secret)

    async def deliver(self, message_id: str, body: bytes, sent_at: datetime) -> None:
        """
        Deliver a message, as another attempt at the same one where it has the same id.

        Raises:
            WebhookRefused, WebhookFailed
        """
        timestamp = str(int(sent_at.timestamp()))
        headers = {
            "content-type": "application/json",
            "user-agent": f"aoai-ledger/{VERSION}",
            "webhook-id": message_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": f"v1,{self._signature(message_id, timestamp, body)}",
        }
        try:
            # A redirect would take a signed message to wherever the answer says.
            async with self._session.post(
                self._url, data=body, headers=headers, allow_redirects=False, timeout=_TIMEOUT
            ) as response:
                status = response.status
        except (aiohttp.ClientError, OSError) as error:
            # Not the library's message: it may hold the URL, and the URL a token.
            raise WebhookFailed(f"the webhook cannot be reached: {type(error).__name__}") from error
        if status == _GONE:
            raise WebhookRefused("the webhook answered 410: it is gone")
        if not 200 <= status < 300:
            raise WebhookFailed(f"the webhook answered {status}")

    def _signature(self, message_id: str, timestamp: str, body: bytes) -> str:
        signed = b".".join((message_id.encode(), timestamp.encode(), body))
        return base64.b64encode(hmac.digest(self._key, signed, hashlib.sha256)).decode()


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        # `from None`: the message may quote the secret.
        raise SettingsInvalid(f"FINDINGS_WEBHOOK_SECRET is {SECRET_PREFIX} with base64 behind it") from None
    if not _MIN_SECRET_BYTES <= len(key) <= _MAX_SECRET_BYTES:
        raise SettingsInvalid(f"FINDINGS_WEBHOOK_SECRET has {_MIN_SECRET_BYTES} to {_MAX_SECRET_BYTES} bytes")
    return key
