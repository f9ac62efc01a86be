"""Reads AzureOpenAIRequestUsage: the tokens of each call, as Azure bills them.

No exported line has been published. The members are those that two independent readers of it use.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct, field

from shared.domain.logs.entries import CallUsage
from shared.domain.logs.wire import Count, Members, Name, left_over, resource_id, take, take_within, utc

# In an array of one, so far. What several would mean nobody has said: then they are left where they stand.
# (Not `tuple[Count]`: beside a bounded int in a union, a tuple makes msgspec 0.22 read memory that is not its own.)
_One = Annotated[list[Count], Meta(min_length=1, max_length=1)]
_Tokens = Count | _One | None


class _Properties(Struct, kw_only=True, gc=False, rename="camel"):
    prompt_tokens: _Tokens = None
    cached_tokens: _Tokens = None
    generated_tokens: _Tokens = None
    model_deployment_name: str | None = None
    model_name: str | None = None
    model_version: str | None = None


class _Line(Struct, kw_only=True, gc=False, rename="camel"):
    time: datetime
    resource_id: Name
    correlation_id: Name
    category: str
    operation_name: str | None = None
    location: str | None = None
    tenant: str | None = field(name="Tenant", default=None)
    event: str | None = None
    enqueue_time: str | None = field(name="EnqueueTime", default=None)


def read_usage(line_members: Members) -> CallUsage:
    """Return the tokens of a call. Raises LineUnreadable."""
    line, properties = take(_Line, line_members), take_within(_Properties, line_members, "properties")
    return CallUsage(
        resource_id=resource_id(line.resource_id),
        correlation_id=line.correlation_id.lower(),
        logged_at=utc(line.time),
        log_operation=line.operation_name or None,
        deployment=properties.model_deployment_name or None,
        model=properties.model_name or None,
        model_version=properties.model_version or None,
        region=line.location or line.tenant or None,
        prompt_tokens=_count(properties.prompt_tokens),
        cached_tokens=_count(properties.cached_tokens),
        completion_tokens=_count(properties.generated_tokens),
        extra=left_over(line_members),
    )


def _count(tokens: int | list[int] | None) -> int | None:
    return tokens[0] if isinstance(tokens, list) else tokens
