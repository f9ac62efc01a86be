"""What the operator says of the resource, and who is told of findings."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from shared.settings.reader import Reader

_ACCOUNT_ID = re.compile(
    r"/subscriptions/[^/]+/resourcegroups/[^/]+/providers/microsoft\.cognitiveservices/accounts/[^/]+", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationSettings:
    """The resource id of `AZURE_OPENAI_ENDPOINT`, and where findings are told; None where it is not said."""

    resource_id: str | None
    webhook_url: str | None = field(repr=False)
    webhook_secret: str | None = field(repr=False)


def read_reconciliation(read: Reader) -> ReconciliationSettings:
    """Read them, and tell the reader what is wrong with them."""
    resource_id = read.text("AZURE_OPENAI_RESOURCE_ID")
    if resource_id and not _ACCOUNT_ID.fullmatch(resource_id.rstrip("/")):
        read.problem("AZURE_OPENAI_RESOURCE_ID is not the resource id of an Azure OpenAI account")
    url, secret = read.url("FINDINGS_WEBHOOK_URL"), read.text("FINDINGS_WEBHOOK_SECRET")
    if bool(url) != bool(secret):
        read.problem("FINDINGS_WEBHOOK_URL and FINDINGS_WEBHOOK_SECRET go together")
    return ReconciliationSettings(
        resource_id=resource_id.rstrip("/").lower() if resource_id else None, webhook_url=url, webhook_secret=secret
    )
