"""Messages as Standard Webhooks signs them, over a real connection."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from shared.adapters.standard_webhook import StandardWebhook
from shared.domain.errors import SettingsInvalid, WebhookFailed, WebhookRefused

KEY = bytes(range(32))
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"
SENT_AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class Receiver:
    """Somebody who is told: `status` is the answer, `requests` what came."""

    def __init__(self) -> None:
        self.status = 204
        self.headers: dict[str, str] = {}
        self.requests: list[tuple[dict[str, str], bytes]] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append(({name.lower(): value for name, value in request.headers.items()}, await request.read()))
        return web.Response(status=self.status, headers=self.headers)


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, StandardWebhook]]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.answer)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        yield receiver, StandardWebhook(session, str(server.make_url("/hook")), SECRET)


async def test_a_message_is_signed_over_its_id_time_and_body(receiver: tuple[Receiver, StandardWebhook]) -> None:
    """https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md."""
    told, webhook = receiver
    await webhook.deliver("msg-1", b'{"type":"finding.opened"}', SENT_AT)

    ((headers, body),) = told.requests
    signed = f"msg-1.{int(SENT_AT.timestamp())}.".encode() + body
    expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-id"] == "msg-1"
    assert headers["webhook-timestamp"] == str(int(SENT_AT.timestamp()))
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["content-type"] == "application/json"


def test_the_example_of_the_specification_comes_out_the_same() -> None:
    """So that every library of it takes our messages."""
    secret = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    webhook = StandardWebhook(None, "http://127.0.0.1", f"whsec_{secret}")  # type: ignore[arg-type]
    signature = webhook._signature("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')

    assert signature == "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("status", [301, 400, 408, 429, 500, 503])
async def test_what_is_not_taken_may_be_later(status: int, receiver: tuple[Receiver, StandardWebhook]) -> None:
    """A redirect is not followed: it would take the message to wherever the answer says."""
    told, webhook = receiver
    told.status, told.headers = status, {"location": "/elsewhere"}

    with pytest.raises(WebhookFailed, match=str(status)):
        await webhook.deliver("msg-1", b"{}", SENT_AT)

    assert len(told.requests) == 1


async def test_who_is_gone_is_not_told_again(receiver: tuple[Receiver, StandardWebhook]) -> None:
    """410 says so."""
    told, webhook = receiver
    told.status = 410

    with pytest.raises(WebhookRefused):
        await webhook.deliver("msg-1", b"{}", SENT_AT)


async def test_an_error_holds_nothing_of_the_url() -> None:
    """It may have a token in it."""
    async with aiohttp.ClientSession() as session:
        webhook = StandardWebhook(session, "http://127.0.0.1:9/hook?token=s3cret", SECRET)
        with pytest.raises(WebhookFailed) as raised:
            await webhook.deliver("msg-1", b"{}", SENT_AT)

    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize("secret", ["whsec_s3cret!", "whsec_", f"whsec_{base64.b64encode(b'x' * 65).decode()}"])
def test_a_secret_that_is_none_is_named_and_not_quoted(secret: str) -> None:
    """It would be in the log of every start."""
    with pytest.raises(SettingsInvalid, match="FINDINGS_WEBHOOK_SECRET") as raised:
        StandardWebhook(None, "http://127.0.0.1", secret)  # type: ignore[arg-type]

    assert "s3cret" not in str(raised.value)
