"""The relay, and how it gets in upstream."""

from __future__ import annotations

import asyncio
import uuid

from shared.adapters.aiohttp_upstream import AiohttpUpstream
from shared.adapters.upstream_credentials import ApiKey, CallersOwn, EntraToken, UpstreamCredential
from shared.bootstrap.parts import Parts
from shared.settings import Settings
from shared.settings.upstream import UpstreamAuth, UpstreamSettings
from shared.usecases.attempt import Bookkeeping
from shared.usecases.pass_on_answer import HangupPolicy
from shared.usecases.relay_call import RelayCall, RelayPolicy


def relay_call(settings: Settings, parts: Parts, books: Bookkeeping) -> RelayCall:
    """Return the relay."""
    relay = settings.relay
    return RelayCall(
        upstream=AiohttpUpstream(
            parts.upstream_session, settings.upstream.endpoint, _upstream_credential(settings.upstream, parts)
        ),
        books=books,
        new_id=lambda: uuid.uuid4().hex,
        policy=RelayPolicy(
            max_body_bytes=relay.max_body_bytes,
            keep_alive_seconds=relay.keep_alive_seconds,
            shutdown_grace_seconds=relay.shutdown_grace_seconds,
            hangup=HangupPolicy(
                on_hangup=relay.on_hangup,
                drain_seconds=relay.drain_seconds,
                drains=asyncio.Semaphore(relay.drain_max),
            ),
        ),
    )


def _upstream_credential(upstream: UpstreamSettings, parts: Parts) -> UpstreamCredential:
    match upstream.auth:
        case UpstreamAuth.KEY:
            return ApiKey(upstream.api_key or "")
        case UpstreamAuth.CALLER:
            return CallersOwn()
        case UpstreamAuth.MANAGED_IDENTITY:
            return EntraToken(parts.credential, upstream.scope, parts.clock)
