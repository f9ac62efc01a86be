"""What an administrator can do to the resource that bears on who can call, as operations of the control plane."""

from __future__ import annotations

from datetime import timedelta

from local.simulated_exports.activity_log import Operation
from local.simulated_exports.resource import Resource

# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/ai-machine-learning
OPENAI_USER = "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd"

_ACCOUNTS = "Microsoft.CognitiveServices/accounts"


def list_keys(resource: Resource) -> Operation:
    return Operation(action=f"{_ACCOUNTS}/listKeys/action", target=resource.id)


def regenerate_key(resource: Resource) -> Operation:
    return Operation(action=f"{_ACCOUNTS}/regenerateKey/action", target=resource.id)


def assign_role(resource: Resource, *, to: str, role: str, assignment: str) -> Operation:
    """Give a role, by the GUID of its definition, to a principal, by its object id."""
    definition = f"{resource.subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    return Operation(
        action="Microsoft.Authorization/roleAssignments/write",
        target=f"{resource.id}/providers/Microsoft.Authorization/roleAssignments/{assignment}",
        result="Created",
        request={
            "Id": assignment,
            "Properties": {"PrincipalId": to, "RoleDefinitionId": definition, "Scope": resource.id},
        },
        # As in the one example there is.
        takes=timedelta(seconds=2),
    )


def write_deployment(resource: Resource, *, name: str, model: str, version: str) -> Operation:
    return Operation(
        action=f"{_ACCOUNTS}/deployments/write",
        target=f"{resource.id}/deployments/{name}",
        result="Created",
        request={
            "sku": {"name": "GlobalStandard", "capacity": 10},
            "properties": {"model": {"format": "OpenAI", "name": model, "version": version}},
        },
    )


def set_local_auth(resource: Resource, *, disabled: bool) -> Operation:
    """Say whether keys are taken at all."""
    return Operation(
        action=f"{_ACCOUNTS}/write",
        target=resource.id,
        request={"location": resource.region, "properties": {"disableLocalAuth": disabled}},
        takes=timedelta(seconds=1),
    )
