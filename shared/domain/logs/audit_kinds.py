"""What the operations of the control plane do, as far as it bears on who can call."""

from __future__ import annotations

from shared.domain.logs.entries import AuditKind

# https://learn.microsoft.com/azure/role-based-access-control/permissions/ai-machine-learning
_ACCOUNTS = "microsoft.cognitiveservices/accounts"
_KINDS = {
    # As the Audit log has it; the plural and the other are ours to expect.
    "listkey": AuditKind.KEYS_LISTED,
    "listkeys": AuditKind.KEYS_LISTED,
    "regeneratekey": AuditKind.KEY_REGENERATED,
    f"{_ACCOUNTS}/listkeys/action": AuditKind.KEYS_LISTED,
    f"{_ACCOUNTS}/regeneratekey/action": AuditKind.KEY_REGENERATED,
    f"{_ACCOUNTS}/deployments/write": AuditKind.DEPLOYMENT_WRITTEN,
    f"{_ACCOUNTS}/deployments/delete": AuditKind.DEPLOYMENT_DELETED,
    f"{_ACCOUNTS}/write": AuditKind.ACCOUNT_WRITTEN,
    f"{_ACCOUNTS}/delete": AuditKind.ACCOUNT_DELETED,
    "microsoft.authorization/roleassignments/write": AuditKind.ROLE_ASSIGNED,
    "microsoft.authorization/roleassignments/delete": AuditKind.ROLE_REMOVED,
    "microsoft.insights/diagnosticsettings/write": AuditKind.DIAGNOSTICS_WRITTEN,
    "microsoft.insights/diagnosticsettings/delete": AuditKind.DIAGNOSTICS_DELETED,
}


def kind_of(operation: str) -> AuditKind:
    """Return what an operation, in lower case, does."""
    return _KINDS.get(operation, AuditKind.OTHER)
