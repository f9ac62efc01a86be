"""Whose access tokens are taken."""

from __future__ import annotations

from dataclasses import dataclass

from shared.settings.reader import Reader

# The audiences of tokens that clients of Azure OpenAI ask for already: with them a caller changes
# nothing but the endpoint.
_DEFAULT_AUDIENCES = "https://cognitiveservices.azure.com,https://ai.azure.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntraSettings:
    """Whose access tokens are taken. No tenants: none are."""

    tenants: frozenset[str]
    audiences: frozenset[str]
    authority: str
    required_role: str | None
    easy_auth: bool


def read_entra(read: Reader) -> EntraSettings:
    """Read them, and tell the reader what is wrong with them."""
    return EntraSettings(
        tenants=read.words("ENTRA_TENANT_IDS"),
        audiences=read.words("ENTRA_AUDIENCES", _DEFAULT_AUDIENCES),
        authority=read.url("ENTRA_AUTHORITY", "https://login.microsoftonline.com") or "",
        required_role=read.text("ENTRA_REQUIRED_ROLE"),
        # Set by App Service where its authentication is on; nothing a caller can reach.
        easy_auth=read.flag("WEBSITE_AUTH_ENABLED"),
    )
