"""The ledger's entry: what one attempt used, by whom, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from shared.domain.principal import Principal


class UsageSource(StrEnum):
    """Where a count comes from. A count that is not known is never written as 0."""

    REPORTED = "reported"  # by Azure
    ESTIMATED = "estimated"  # by us, with tiktoken, from all that was sent
    PARTIAL = "partial"  # by us, from what had arrived when the stream was cut: a lower bound
    UNAVAILABLE = "unavailable"  # nobody knows
    NOT_APPLICABLE = "not_applicable"  # the operation uses no tokens, or never reached a model


class Outcome(StrEnum):
    """How an attempt ended."""

    COMPLETED = "completed"  # answered in full
    REFUSED_BY_US = "refused_by_us"  # never sent
    REFUSED_BY_AZURE = "refused_by_azure"  # answered with an error status
    CUT_BY_CALLER = "cut_by_caller"  # the caller hung up
    CUT_BY_UPSTREAM = "cut_by_upstream"  # the answer broke off
    UPSTREAM_UNREACHABLE = "upstream_unreachable"  # no answer at all
    TIMED_OUT = "timed_out"  # upstream was silent for too long
    CUT_BY_SHUTDOWN = "cut_by_shutdown"  # the worker was told to stop while the answer came
    ABANDONED = "abandoned"  # the worker died; what is known is what was known at the beginning


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUsage:
    """
    Tokens of one call. Cached, written and audio tokens are parts of the prompt, reasoning and audio
    tokens of the completion; none is an extra.

    `None` means not known, and of written and audio tokens, which few calls have, none. `method` says how
    an estimate was made, as `v3 o200k_base tiktoken 0.14.0 (unknown model)`.
    """

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    cache_write_tokens: int | None = None
    audio_prompt_tokens: int | None = None
    audio_completion_tokens: int | None = None
    source: UsageSource
    method: str | None = None


class Origin(StrEnum):
    """Who tells of a call."""

    RELAY = "relay"  # we made it
    AZURE_LOGS = "azure_logs"  # Azure logged it, and we did not make it: it went round the gate


NO_TOKENS = TokenUsage(source=UsageSource.NOT_APPLICABLE)
UNKNOWN_TOKENS = TokenUsage(source=UsageSource.UNAVAILABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """
    What one call cost. `cost_usd` is exact, at list price; None means not known.

    A `provisioned` call is paid by the hour, whatever it uses. `price_source` says whose price it is, and
    what about the call had to be assumed to find it.
    """

    cost_usd: Decimal | None = None
    price_source: str | None = None
    provisioned: bool = False


NOT_CHARGED = Charge()


@dataclass(frozen=True, slots=True, kw_only=True)
class CountAudit:
    """
    Our own count of a call whose usage Azure reported, to see where the two part.

    A part of it that cannot be counted whole is None. `shape` is the kind of request, as `plain` or `image+tools`.
    """

    prompt_tokens: int | None
    completion_tokens: int | None
    method: str
    shape: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCall:
    """
    A call that has begun: all that is known before its first byte goes upstream.

    `call_id` is ours, made once per attempt; with `begun_at` it is the row's key, so
    every write of the same attempt lands on the same row.

    `request_bytes` is the size of its body: as far as it was read when the call has ended, and before
    that as it was read or declared, None where it was neither. `text_only` says that its prompt is text
    in that body and nothing else, so that its size tells its tokens.
    """

    call_id: str
    begun_at: datetime
    principal: Principal
    operation: str
    method: str
    resource: str
    deployment: str | None = None
    api_version: str | None = None
    streamed: bool = False
    requested_model: str | None = None
    user_label: str | None = None
    caller_address: str | None = None
    request_bytes: int | None = None
    text_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRecord:
    """
    One row of the table `usage`. Times are aware UTC; durations are milliseconds.

    `service_tier` is Azure's word for how the call was served; `spilled_over` says that a provisioned
    deployment was full and a standard one took it.
    """

    call: OpenCall
    ended_at: datetime
    duration_ms: int
    outcome: Outcome
    usage: TokenUsage
    status: int | None = None
    first_chunk_ms: int | None = None
    model: str | None = None
    finish_reason: str | None = None
    error_code: str | None = None
    apim_request_id: str | None = None
    region: str | None = None
    service_tier: str | None = None
    spilled_over: bool = False
    response_bytes: int = 0
    charge: Charge = NOT_CHARGED
    audit: CountAudit | None = None
    origin: Origin = Origin.RELAY
