"""Which Azure OpenAI resource, and how to get in."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from shared.settings.reader import Reader


class UpstreamAuth(StrEnum):
    """Who we are upstream."""

    MANAGED_IDENTITY = "managed_identity"
    KEY = "key"
    CALLER = "caller"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamSettings:
    """Which Azure OpenAI resource, and how to get in. Seconds."""

    endpoint: str
    auth: UpstreamAuth
    api_key: str | None = field(repr=False)
    scope: str
    idle_seconds: float


def read_upstream(read: Reader) -> UpstreamSettings:
    """Read them, and tell the reader what is wrong with them."""
    auth = read.choice("UPSTREAM_AUTH", UpstreamAuth.MANAGED_IDENTITY)
    api_key = read.text("AZURE_OPENAI_API_KEY")
    if auth is UpstreamAuth.KEY and not api_key:
        read.problem("AZURE_OPENAI_API_KEY is missing, which UPSTREAM_AUTH=key needs")
    endpoint = read.url("AZURE_OPENAI_ENDPOINT")
    if not endpoint:
        read.problem("AZURE_OPENAI_ENDPOINT is missing: https://NAME.openai.azure.com")
    return UpstreamSettings(
        endpoint=endpoint or "",
        auth=auth,
        api_key=api_key,
        scope=read.text("AZURE_OPENAI_SCOPE") or "https://cognitiveservices.azure.com/.default",
        idle_seconds=read.number("UPSTREAM_IDLE_SECONDS", 600.0, above=0),
    )
