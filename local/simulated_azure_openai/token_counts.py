"""What Azure charges for a call, whether or not its answer says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCounts:
    """Tokens of one call. Cached tokens are a part of the prompt's."""

    prompt: int
    cached: int = 0
    completion: int = 0


def counts_of(usage: Mapping[str, Any] | None) -> TokenCounts | None:
    """Return the counts of a `usage`, in the words of Chat Completions or of Responses; None where there is none."""
    if not usage:
        return None
    prompt = usage.get("prompt_tokens", usage.get("input_tokens"))
    completion = usage.get("completion_tokens", usage.get("output_tokens"))
    details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details") or {}
    return TokenCounts(prompt=prompt or 0, cached=details.get("cached_tokens") or 0, completion=completion or 0)
