"""Two months of an invented company's calls, summed by hour, and what is found in them."""

from __future__ import annotations

import functools
import operator
import random
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

NOW = datetime(2026, 11, 25, 14, 20, tzinfo=UTC)
_DAYS = 60
TENANT_ID = "5f1d7c1a-0d3e-4a55-9a0b-6c2f5d9f0c11"
# As long as Azure's are: what is too wide for a phone shows here.
RESOURCES = [
    f"/subscriptions/{TENANT_ID}/resourcegroups/rg-contoso/providers/microsoft.cognitiveservices/accounts/{name}"
    for name in ("contoso-east", "contoso-west")
]
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


@dataclass(frozen=True, slots=True)
class Who:
    """A principal, and how much it calls."""

    object_id: str
    name: str
    kind: str
    label: str
    weight: float


@dataclass(frozen=True, slots=True)
class What:
    """A deployment, and what a thousand tokens of it cost; None: it is paid by the hour."""

    deployment: str
    model: str
    operation: str
    usd: str | None
    wait_ms: int
    tokens: int


PRINCIPALS = [
    Who("0a4b6a0e-5f52-41d3-8b1a-000000000001", "support-assistant", "managed_identity", "prod", 1.0),
    Who("0a4b6a0e-5f52-41d3-8b1a-000000000002", "contract-search", "managed_identity", "prod", 0.62),
    Who("0a4b6a0e-5f52-41d3-8b1a-000000000003", "Ana Oliveira", "user", "", 0.31),
    Who("0a4b6a0e-5f52-41d3-8b1a-000000000004", "invoice-reader", "application", "batch", 0.27),
    Who("0a4b6a0e-5f52-41d3-8b1a-000000000005", "Tomasz Nowak", "user", "experiment", 0.16),
    Who("0a4b6a0e-5f52-41d3-8b1a-000000000006", "code-review", "application", "prod", 0.12),
    Who("0a4b6a0e-5f52-41d3-8b1a-000000000007", "Keiko Sato", "user", "", 0.08),
    Who("data-science", "data-science", "gateway", "experiment", 0.06),
    Who("key-unknown", "key, unknown", "unknown", "", 0.01),
]
DEPLOYMENTS = [
    What("chat-large", "gpt-4.1-2025-04-14", "chat.completions", "0.0034", 2400, 2100),
    What("chat-small", "gpt-4.1-mini-2025-04-14", "chat.completions", "0.0007", 900, 1300),
    What("chat-reserved", "gpt-4o-2024-11-20", "chat.completions", None, 1500, 1800),
    What("reasoning", "o4-mini-2025-04-16", "responses", "0.0021", 9800, 3900),
    What("embed", "text-embedding-3-large", "embeddings", "0.00013", 130, 620),
]
_OUTCOMES = [
    ("completed", 0.957),
    ("refused_by_azure", 0.021),
    ("cut_by_caller", 0.013),
    ("timed_out", 0.005),
    ("refused_by_us", 0.004),
]


@dataclass(slots=True)
class Cell:
    """The calls of an hour that are alike."""

    hour: datetime
    who: Who
    what: What
    outcome: str
    calls: int
    prompt: int
    completion: int

    @property
    def usd(self) -> Decimal | None:
        """What they cost."""
        if self.what.usd is None or self.outcome != "completed":
            return None
        return Decimal(self.what.usd) * (self.prompt + 3 * self.completion) / 1000

    def value(self, dimension: str) -> str:
        """The cell's value of a dimension of reports."""
        match dimension:
            case "principal":
                return f"{self._tenant}/{self.who.object_id}"
            case "label":
                return self.who.label
            case "outcome":
                return self.outcome
            case "hour":
                return self.hour.isoformat().replace("+00:00", "Z")
            case "day" | "month":
                return self.hour.date().isoformat()[: 10 if dimension == "day" else 7]
        value: str = getattr(self.what, dimension)
        return value

    @property
    def _tenant(self) -> str:
        return {"gateway": "gateway", "unknown": "azure"}.get(self.who.kind, TENANT_ID)


def between(begin: datetime, end: datetime) -> tuple[Cell, ...]:
    """Return those of some hours, the same each time."""
    of = operator.attrgetter("hour")
    return _all()[bisect_left(_all(), begin, key=of) : bisect_left(_all(), end, key=of)]


@functools.cache
def _all() -> tuple[Cell, ...]:
    return tuple(_cells(random.Random(20)))


def _cells(chance: random.Random) -> Iterator[Cell]:
    begin = NOW.replace(minute=0) - timedelta(days=_DAYS)
    # What is shown by the day need not be made by the hour.
    for i in [*range(0, (_DAYS - 4) * 24, 6), *range((_DAYS - 4) * 24, _DAYS * 24 + 1)]:
        hour = begin + timedelta(hours=i)
        hours = 6 if i < (_DAYS - 4) * 24 else 1
        busy = (
            (0.25 if hour.weekday() > 4 else 1) * (1.6 if 7 <= hour.hour <= 17 else 0.3) * (0.75 + 0.5 * i / _DAYS / 24)
        )
        for at, who in enumerate(PRINCIPALS):
            what = DEPLOYMENTS[(at + chance.choice([0, 0, 0, 1, 2])) % len(DEPLOYMENTS)]
            calls = int(hours * 260 * who.weight * busy * chance.uniform(0.6, 1.4))
            yield from _of_outcomes(chance, Cell(hour, who, what, "completed", calls, 0, 0))


def _of_outcomes(chance: random.Random, cell: Cell) -> Iterator[Cell]:
    for outcome, share in _OUTCOMES:
        calls = int(cell.calls * share + chance.random())
        if calls:
            used = calls if outcome == "completed" else 0
            prompt = int(used * cell.what.tokens * chance.uniform(0.7, 1.1))
            completion = 0 if cell.what.operation == "embeddings" else int(prompt * chance.uniform(0.2, 0.4))
            yield Cell(cell.hour, cell.who, cell.what, outcome, calls, prompt, completion)


def finding(number: int, **fields: Any) -> dict[str, Any]:
    """Return a finding as `findings` tells it."""
    return {
        "id": f"f{number}",
        "kind": "listed_key_used",
        "severity": "high",
        "state": "open",
        "title": "A key that was listed is used past the gate",
        "summary": "Key 1 of contoso-east was listed by ops@contoso.com at 08:12; from 08:31 on, calls came with a key "
        "and no identity.",
        "resource": RESOURCES[0],
        "first_seen_at": "2026-11-25T08:31:07Z",
        "last_seen_at": "2026-11-25T11:02:44Z",
        "occurrences": 214,
        "evidence": [
            {"at": "2026-11-25T08:12:40Z", "event": "keys listed", "by": "ops@contoso.com", "address": "203.0.113.4"},
            {
                "at": "2026-11-25T08:31:07Z",
                "event": "first call",
                "correlation_id": "6f0d9c52-77aa-4a0b",
                "status": 200,
            },
        ],
        "accepted_by": None,
        "accepted_at": None,
        "reason": None,
        "closed_at": None,
        "closed_because": None,
        **fields,
    }


def findings() -> list[dict[str, Any]]:
    """Return one of each state and severity."""
    return [
        finding(1),
        finding(
            2,
            kind="bypass_with_identity",
            severity="medium",
            title="An identity went round the gate",
            summary="Tomasz Nowak called chat-large directly, with a token of his own.",
            occurrences=1,
            evidence=[
                {"correlation_id": "8d5b", "object_id": PRINCIPALS[4].object_id, "status": 200, "duration_ms": 1831}
            ],
        ),
        finding(
            3,
            kind="role_granted",
            severity="low",
            state="accepted",
            title="A role on the resource was granted",
            summary="Cognitive Services OpenAI User, to code-review.",
            occurrences=1,
            accepted_by="Ana Oliveira",
            accepted_at="2026-11-21T09:00:00Z",
            reason="Moved to the gateway on Monday; the role is taken away then.",
        ),
        finding(
            4,
            kind="diagnostics_silent",
            severity="info",
            state="closed",
            title="No logs for three hours",
            summary="contoso-west exported nothing while calls went through.",
            occurrences=3,
            closed_at="2026-11-20T12:00:00Z",
            closed_because="logs came again",
            evidence=[],
        ),
    ]


def records() -> list[dict[str, Any]]:
    """Return the newest calls as `usage/records` tells them."""
    chance = random.Random(4)
    made = []
    for i in range(130):
        who, what = chance.choice(PRINCIPALS[:8]), chance.choice(DEPLOYMENTS)
        outcome = chance.choices([name for name, _ in _OUTCOMES], [share for _, share in _OUTCOMES])[0]
        made.append(_record(i, who, what, outcome, chance))
    return made


def _record(i: int, who: Who, what: What, outcome: str, chance: random.Random) -> dict[str, Any]:
    begun_at = NOW - timedelta(seconds=47 * i + chance.randrange(40))
    took = int(what.wait_ms * chance.uniform(0.6, 2.2))
    prompt = int(what.tokens * chance.uniform(0.3, 1.2))
    completion = 0 if what.operation == "embeddings" else prompt // 3
    is_good = outcome == "completed"
    return {
        "call_id": f"{i:04x}5d0c9f4e47d2b1a8c3f6e7d9a0b1",
        "begun_at": begun_at.isoformat().replace("+00:00", "Z"),
        "ended_at": (begun_at + timedelta(milliseconds=took)).isoformat().replace("+00:00", "Z"),
        "duration_ms": took,
        "first_chunk_ms": took // 4 if is_good else None,
        "tenant_id": "gateway" if who.kind == "gateway" else TENANT_ID,
        "object_id": who.object_id,
        "principal_kind": who.kind,
        "principal_name": who.name,
        "app_id": None,
        "key_id": None,
        "operation": what.operation,
        "method": "POST",
        "resource": "contoso-east.openai.azure.com",
        "deployment": what.deployment,
        "model": what.model,
        "requested_model": None,
        "api_version": "2024-10-21",
        "streamed": what.operation != "embeddings",
        "status": 200 if is_good else 429 if outcome == "refused_by_azure" else None,
        "outcome": outcome,
        "origin": "relay",
        "prompt_tokens": prompt if is_good else None,
        "completion_tokens": completion if is_good else None,
        "total_tokens": prompt + completion if is_good else None,
        "cached_tokens": prompt // 2 if is_good else None,
        "reasoning_tokens": completion // 2 if is_good and what.operation == "responses" else None,
        "usage_source": "reported" if is_good else "not_applicable",
        "usage_method": None,
        "finish_reason": "stop" if is_good else None,
        "error_code": {"refused_by_azure": "429", "refused_by_us": "request_too_large"}.get(outcome),
        "apim_request_id": f"{i:04x}a7f2-70d3-4e0c-9a52-4b0f2d3c9e11",
        "region": "Sweden Central",
        "service_tier": "default",
        "spilled_over": None,
        "cost_usd": str(Decimal(what.usd) * prompt / 1000) if what.usd and is_good else None,
        "price_source": "Azure retail prices 2026-08-11 (assumed: global deployment)" if what.usd else None,
        "provisioned": what.usd is None,
        "request_bytes": prompt * 5,
        "response_bytes": completion * 310 + 800,
        "caller_address": "203.0.113.9",
        "user_label": who.label or None,
    }


def story(record: dict[str, Any]) -> dict[str, Any]:
    """Return a call as `usage/records/{call_id}` tells it."""
    return {
        "record": record,
        "service_call": {
            "correlation_id": record["apim_request_id"],
            "operation_name": "ChatCompletions_Create",
            "deployment": record["deployment"],
            "model": record["model"],
            "status": record["status"] or 200,
            "duration_ms": record["duration_ms"] - 21,
            "prompt_tokens": record["prompt_tokens"],
            "completion_tokens": record["completion_tokens"],
            "object_id": "c0f1d0aa-33b5-4d29-8f60-90a7f0a1b2c3",
            "time": record["ended_at"],
        },
        "findings": [findings()[1]],
        "match": "id",
    }


def reconciliation(begin: datetime, end: datetime) -> list[dict[str, Any]]:
    """Return the hours of two resources: the newest are late, and a few do not add up."""
    chance = random.Random(9)
    rows = []
    for resource in RESOURCES:
        hour = begin.replace(minute=0, second=0, microsecond=0)
        while hour < min(end, NOW):
            rows.append(_hour(resource, hour, chance))
            hour += timedelta(hours=1)
    return [row for row in rows if row]


def _hour(resource: str, hour: datetime, chance: random.Random) -> dict[str, Any]:
    is_new = NOW - hour < timedelta(hours=3)
    matched = 0 if is_new else chance.randrange(40, 900)
    prompt, completion = matched * 1100, matched * 320
    return {
        "resource": resource,
        "hour": hour.isoformat().replace("+00:00", "Z"),
        "matched": matched,
        "ours_only": 0,
        "azure_only": chance.choice([0] * 60 + [3, 11]) if not is_new else 0,
        "late": chance.randrange(100, 500) if is_new else 0,
        "our_prompt_tokens": prompt,
        "our_completion_tokens": completion,
        "azure_prompt_tokens": prompt,
        "azure_completion_tokens": completion,
        "settled": not is_new,
        "reconciled_at": NOW.isoformat().replace("+00:00", "Z"),
    }
