"""A call as the ledger has it, and as Azure logged it: as much of it as shows whether they are one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.domain.logs.entries import CallUsage, ServiceCall
from shared.domain.usage_record import OpenCall, Outcome, UsageRecord, UsageSource

_NEVER_SENT = frozenset({Outcome.REFUSED_BY_US, Outcome.UPSTREAM_UNREACHABLE})
_EXACT = frozenset({UsageSource.REPORTED, UsageSource.NOT_APPLICABLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Counts of one call; None is not known. Cached tokens are a part of the prompt."""

    prompt: int | None = None
    completion: int | None = None
    cached: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OurCall:
    """
    A call as the ledger has it.

    `was_sent` is false where nothing ever went upstream; `was_answered` says that Azure sent a status, so that
    it must have logged the call. `is_exact` says that its tokens are Azure's own count, or none.
    """

    call_id: str
    begun_at: datetime
    ended_at: datetime
    resource: str
    operation: str
    deployment: str
    tenant_id: str
    object_id: str
    request_bytes: int | None
    streamed: bool
    correlation_id: str
    was_sent: bool
    was_answered: bool
    tokens: Tokens
    is_exact: bool
    reasons: bool

    @classmethod
    def of(cls, record: UsageRecord) -> OurCall:
        """Return what a record says of it."""
        call, usage = record.call, record.usage
        was_sent = record.outcome not in _NEVER_SENT
        return cls(
            call_id=call.call_id,
            begun_at=call.begun_at,
            ended_at=max(call.begun_at, record.ended_at),
            resource=call.resource.lower(),
            operation=call.operation,
            deployment=(call.deployment or "").lower(),
            tenant_id=call.principal.tenant_id,
            object_id=call.principal.object_id,
            request_bytes=call.request_bytes,
            streamed=call.streamed,
            correlation_id=(record.apim_request_id or "").lower(),
            was_sent=was_sent,
            was_answered=was_sent and record.status is not None,
            tokens=Tokens(prompt=usage.prompt_tokens, completion=usage.completion_tokens, cached=usage.cached_tokens),
            is_exact=usage.source in _EXACT,
            reasons=bool(usage.reasoning_tokens),
        )


@dataclass(frozen=True, slots=True)
class AzureCall:
    """A call as Azure logged it, when the line arrived, and what it used where Azure logged that beside it."""

    call: ServiceCall
    arrived_at: datetime
    usage: CallUsage | None = None

    @property
    def correlation_id(self) -> str:
        """Azure's id of the request, in lower case."""
        return self.call.correlation_id

    @property
    def began_at(self) -> datetime:
        """When the request arrived; where Azure does not say, when it was logged."""
        return self.call.requested_at or self.call.logged_at

    @property
    def tokens(self) -> Tokens | None:
        """What it used as Azure counted it; None where Azure did not say."""
        for entry in (self.usage, self.call):
            if entry is not None and (entry.prompt_tokens is not None or entry.completion_tokens is not None):
                cached = entry.cached_tokens if isinstance(entry, CallUsage) else None
                return Tokens(prompt=entry.prompt_tokens, completion=entry.completion_tokens, cached=cached)
        return None


def with_usage(calls: Iterable[AzureCall], usages: Iterable[CallUsage]) -> Sequence[AzureCall]:
    """Return calls with what they used, in the order of their ids; usage of a call that is not there is left out."""
    by_id = {usage.correlation_id: usage for usage in usages}
    joined = (AzureCall(call.call, call.arrived_at, by_id.get(call.correlation_id)) for call in calls)
    return sorted(joined, key=lambda call: (call.correlation_id, call.began_at))


@dataclass(frozen=True, slots=True, kw_only=True)
class CallUnderWay:
    """A call that has begun and not ended, of which Azure may have logged the beginning."""

    begun_at: datetime
    resource: str
    deployment: str
    request_bytes: int | None
    streamed: bool

    @classmethod
    def of(cls, call: OpenCall) -> CallUnderWay:
        """Return what is to be known of it."""
        return cls(
            begun_at=call.begun_at,
            resource=call.resource.lower(),
            deployment=(call.deployment or "").lower(),
            request_bytes=call.request_bytes,
            streamed=call.streamed,
        )
