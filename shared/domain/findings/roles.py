"""Roles of Azure that let their holder call a model, or let themselves be given one that does.

https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
"""

from __future__ import annotations

from shared.domain.findings.evidence import plain_text
from shared.domain.logs.keys import audited_resource

_REACHING = {
    "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd": "Cognitive Services OpenAI User",
    "a001fd3d-188f-4b5d-821b-7da978bf7442": "Cognitive Services OpenAI Contributor",
    "a97b65f3-24c7-4388-baec-2e87135dc908": "Cognitive Services User",
    "25fbc0a9-bd7c-42a3-aa1a-3b75d497ee68": "Cognitive Services Contributor",
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
    "b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": "User Access Administrator",
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168": "Role Based Access Control Administrator",
}
_ACCOUNTS = "/providers/microsoft.cognitiveservices/accounts/"


def reaches_models(resource_id: str, role_id: str | None) -> bool:
    """Return whether a role assignment lets somebody at a model: any at an account, above it some."""
    if _ACCOUNTS in audited_resource(resource_id):
        return True
    # At another resource it reaches nothing but that.
    above = resource_id.split("/providers/microsoft.authorization/", 1)[0]
    return "/providers/" not in above and _guid(role_id) in _REACHING


def role_name(role_id: str | None) -> str:
    """Return a role's name, or as much of its id as tells it."""
    guid = _guid(role_id)
    return _REACHING.get(guid) or f"role {plain_text(guid) or 'unknown'}"


def _guid(role_id: str | None) -> str:
    return (role_id or "").rstrip("/").rsplit("/", 1)[-1].lower()
