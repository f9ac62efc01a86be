"""Calls as a company of some hundred principals makes them, the same in every run."""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from shared.domain.principal import Principal, PrincipalKind
from shared.domain.usage_record import Charge, OpenCall, Outcome, TokenUsage, UsageRecord, UsageSource

TENANT_ID = "0a000000-0000-4000-8000-000000000001"
# A month of 31 days, long over.
MONTH = datetime(2026, 10, 1, tzinfo=UTC)
DAYS = 31
PRINCIPALS = 500

_MODELS = [
    ("chat", "gpt-4o-2024-11-20", "chat.completions", Decimal("0.0000025")),
    ("small", "gpt-4.1-mini-2025-04-14", "chat.completions", Decimal("0.0000004")),
    ("search", "text-embedding-3-small", "embeddings", Decimal("0.00000002")),
]
_LABELS = [None, None, "assistant", "batch"]


def object_id(number: int) -> str:
    """Return the id of a principal."""
    return f"0b000000-0000-4000-8000-{number:012}"


def some_call(chance: random.Random, principal: int, begun_at: datetime) -> UsageRecord:
    """Return a call: one of three deployments, and now and then one that failed."""
    deployment, model, operation, price = chance.choices(_MODELS, [5, 3, 2])[0]
    is_done = chance.random() < 0.97
    prompt, completion = chance.randrange(50, 8000), 0 if operation == "embeddings" else chance.randrange(1, 1500)
    tokens = TokenUsage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
        cached_tokens=prompt // 4,
        reasoning_tokens=0,
        source=UsageSource.REPORTED,
    )
    duration_ms = chance.randrange(80, 30_000)
    return UsageRecord(
        call=OpenCall(
            call_id=uuid.UUID(int=chance.getrandbits(128), version=4).hex,
            begun_at=begun_at,
            principal=Principal(
                tenant_id=TENANT_ID,
                object_id=object_id(principal),
                kind=PrincipalKind.APPLICATION,
                name=f"app-{principal}",
            ),
            operation=operation,
            method="POST",
            resource="models.openai.azure.com",
            deployment=deployment,
            api_version="2024-10-21",
            user_label=chance.choice(_LABELS),
            request_bytes=prompt * 5,
        ),
        ended_at=begun_at + timedelta(milliseconds=duration_ms),
        duration_ms=duration_ms,
        outcome=Outcome.COMPLETED if is_done else Outcome.REFUSED_BY_AZURE,
        usage=tokens if is_done else TokenUsage(source=UsageSource.NOT_APPLICABLE),
        status=200 if is_done else 429,
        first_chunk_ms=duration_ms // 10 if is_done else None,
        model=model if is_done else None,
        finish_reason="stop" if is_done else None,
        apim_request_id=str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        region="Sweden Central",
        charge=Charge(cost_usd=prompt * price, price_source="azure") if is_done else Charge(),
    )
