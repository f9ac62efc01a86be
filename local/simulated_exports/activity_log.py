"""Lines of the subscription's Activity Log: who did what by way of the control plane, as it began and as it ended.

No exported line of Microsoft.CognitiveServices has been published. The form is that of another resource's
`listKeys`, of the REST API's mapping, and of the documentation's own samples.

https://learn.microsoft.com/azure/azure-monitor/platform/activity-log-schema
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from local.simulated_exports.resource import Resource
from local.simulated_exports.wire import Json, Line, compact, line, log_time, new_guid

_CLAIM = "http://schemas.microsoft.com/identity/claims"
_XML_CLAIM = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
_OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"


@dataclass(frozen=True, slots=True, kw_only=True)
class Administrator:
    """Somebody who may manage the resource. The Activity Log does not mask the address."""

    object_id: str = "0a000000-0000-4000-8000-00000000ad01"
    name: str = "admin@contoso.example"
    tenant_id: str = "0e000000-0000-4000-8000-000000000001"
    app_id: str = "0d000000-0000-4000-8000-000000000001"
    address: str = "198.51.100.7"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """
    What was done: `action` as role definitions name it, to `target`, a resource id.

    `request` is the body that was sent, which is logged with the beginning alone; `result` what came of it.
    """

    action: str
    target: str
    result: str = "OK"
    request: Json | None = None
    takes: timedelta = timedelta(milliseconds=200)

    @property
    def category(self) -> str:
        """`Action`, `Write` or `Delete`."""
        return self.action.rpartition("/")[2].capitalize()


def activity_lines(
    operation: Operation, by: Administrator, at: datetime, resource: Resource, chance: random.Random
) -> tuple[str, list[Line]]:
    """Return the correlation id of what was done, and the lines of its beginning and its end."""
    correlation_id = new_guid(chance)
    asked = {} if operation.request is None else {"requestbody": compact(operation.request)}
    done = {"statusCode": operation.result, "serviceRequestId": new_guid(chance)}
    begun_at, ended_at = at, at + operation.takes
    common = _common(operation, by, resource, correlation_id)
    begun = _phase("Start", "Started.", begun_at, common, asked, chance)
    ended = _phase("Success", f"Succeeded.{operation.result}", ended_at, common, done, chance)
    return correlation_id, [line(begun_at, begun), line(ended_at, ended)]


def _phase(kind: str, signature: str, at: datetime, common: Json, said: Json, chance: random.Random) -> Json:
    return {
        "time": log_time(at),
        **common,
        "resultType": kind,
        "resultSignature": signature,
        # Both have been seen, and never another number.
        "durationMs": chance.choice([0, "0"]),
        "properties": {**common["properties"], **said},
    }


def _common(operation: Operation, by: Administrator, resource: Resource, correlation_id: str) -> Json:
    """Return what the lines of one operation share."""
    return {
        "resourceId": operation.target.upper(),
        "operationName": operation.action.upper(),
        "category": operation.category,
        "callerIpAddress": by.address,
        "correlationId": correlation_id,
        "identity": {"authorization": _authorization(operation, by, resource), "claims": _claims(by)},
        "level": "Information",
        "location": "global",
        "properties": {
            "eventCategory": "Administrative",
            "entity": operation.target,
            "message": operation.action,
            "hierarchy": f"{by.tenant_id}/{resource.subscription.rpartition('/')[2]}",
        },
    }


def _authorization(operation: Operation, by: Administrator, resource: Resource) -> Json:
    return {
        "scope": operation.target,
        "action": operation.action,
        "evidence": {
            "role": "Owner",
            "roleAssignmentScope": resource.subscription,
            "roleDefinitionId": _OWNER.replace("-", ""),
            "principalId": by.object_id.replace("-", ""),
            "principalType": "User",
        },
    }


def _claims(by: Administrator) -> Json:
    return {
        "aud": "https://management.core.windows.net/",
        "iss": f"https://sts.windows.net/{by.tenant_id}/",
        "appid": by.app_id,
        "appidacr": "0",
        f"{_CLAIM}/objectidentifier": by.object_id,
        f"{_CLAIM}/tenantid": by.tenant_id,
        f"{_CLAIM}/scope": "user_impersonation",
        f"{_XML_CLAIM}/name": by.name,
        f"{_XML_CLAIM}/upn": by.name,
        "ipaddr": by.address,
        "idtyp": "user",
        "ver": "1.0",
    }
