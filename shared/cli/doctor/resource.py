"""How the Azure OpenAI resource is set up, where this login may see it: whether keys work, and what it logs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from shared.adapters.azure_resource_manager import ArmAnswer, AzureResourceManager, endpoint_for
from shared.cli.doctor.environment import Patient
from shared.cli.doctor.logs import EXPORT_COMMAND
from shared.domain.check import CheckResult, failed, ok, skipped, warning
from shared.domain.errors import UpstreamError

_KEYS, _LOGS = "resource keys", "resource logs"
_CATEGORIES = ("RequestResponse", "AzureOpenAIRequestUsage", "Audit")
# A group stands for its categories.
# https://learn.microsoft.com/azure/azure-monitor/platform/diagnostic-settings#category-groups
_GROUPS = {"alllogs": set(_CATEGORIES), "audit": {"Audit"}}
_BY_HAND = "look in the portal, or name the resource with --resource and log in as a Reader of it"


async def check_resource(patient: Patient, arm: AzureResourceManager | None = None) -> list[CheckResult]:
    """Return whether keys of the resource work, and whether it exports what we read."""
    if patient.settings is None:
        return [skipped(_KEYS, "the settings are not whole")]
    host = urlsplit(patient.settings.upstream.endpoint).hostname or ""
    arm = arm or AzureResourceManager(patient.session, patient.credential, endpoint_for(host))
    try:
        account = await _account(arm, host, patient.resource_id)
        if account is None:
            return [skipped(_KEYS, f"this login sees no resource that answers at {host}", _BY_HAND)]
        resource_id = str(account.get("id", ""))
        return [_keys(account, resource_id), _logs(await arm.diagnostic_settings(resource_id), resource_id)]
    except UpstreamError as error:
        return [skipped(_KEYS, str(error), _BY_HAND)]


async def _account(arm: AzureResourceManager, host: str, resource_id: str | None) -> Mapping[str, Any] | None:
    if resource_id is None:
        return await arm.find_account(host)
    answer = await arm.account(resource_id)
    return {"id": resource_id, **answer.body} if answer.status == 200 else None


def _keys(account: Mapping[str, Any], resource_id: str) -> CheckResult:
    properties = account.get("properties")
    if isinstance(properties, dict) and properties.get("disableLocalAuth") is True:
        return ok(_KEYS, "keys of the resource are disabled: nobody goes round the gate with one")
    command = f"az resource update --ids {resource_id} --set properties.disableLocalAuth=true"
    seen = "keys of the resource work: whoever has one can go round the gate"
    return warning(_KEYS, seen, "disable them, once UPSTREAM_AUTH is managed_identity", command)


def _logs(answer: ArmAnswer, resource_id: str) -> CheckResult:
    if answer.status != 200:
        return skipped(_LOGS, f"Azure Resource Manager answered {answer.status}", _BY_HAND)
    exported = set(_exported(answer.body))
    missing = [category for category in _CATEGORIES if category not in exported]
    command = EXPORT_COMMAND.replace("RESOURCE_ID", resource_id)
    if "RequestResponse" in missing:
        seen = "no diagnostic setting exports RequestResponse to storage or an event hub"
        return failed(_LOGS, seen, "make one", command)
    if missing:
        return warning(_LOGS, f"not exported: {', '.join(missing)}", "add them to the diagnostic setting", command)
    return ok(_LOGS, f"exported: {', '.join(_CATEGORIES)}")


def _exported(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield the categories that go where we can read them: to a storage account, or an event hub."""
    for setting in settings.get("value", ()):
        properties = setting.get("properties", {}) if isinstance(setting, dict) else {}
        if properties.get("storageAccountId") or properties.get("eventHubAuthorizationRuleId"):
            for log in properties.get("logs") or ():
                if log.get("enabled") is True:
                    yield from _GROUPS.get(str(log.get("categoryGroup")).lower(), {str(log.get("category"))})
