"""The resource looked over through a simulated Azure Resource Manager: keys, and what it exports."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError

from local.azurite import Azurite
from shared.adapters.azure_resource_manager import AzureResourceManager
from shared.cli.doctor.environment import Patient
from shared.cli.doctor.resource import check_resource
from shared.domain.check import CheckResult, CheckStatus
from tests.adapters.arm import RESOURCE, SimulatedArm, account, diagnostic_setting, simulated_arm
from tests.adapters.credential import FakeCredential
from tests.cli.doctor.patient import patient

OK, WARNING, FAILED, SKIPPED = CheckStatus


def category(name: str, *, enabled: bool = True) -> dict[str, Any]:
    return {"category": name, "categoryGroup": None, "enabled": enabled}


def group(name: str) -> dict[str, Any]:
    return {"category": None, "categoryGroup": name, "enabled": True}


ALL = [category(name) for name in ("RequestResponse", "AzureOpenAIRequestUsage", "Audit", "Trace")]


@dataclass(frozen=True, slots=True)
class Managed:
    """An installation, and what manages its resource."""

    patient: Patient
    arm: SimulatedArm
    ours: AzureResourceManager

    async def results(self) -> dict[str, CheckResult]:
        return {result.name: result for result in await check_resource(self.patient, self.ours)}


@pytest.fixture
async def managed(azurite: Azurite) -> AsyncIterator[Managed]:
    async with simulated_arm() as (arm, url), patient(azurite) as ours:
        yield Managed(ours, arm, AzureResourceManager(ours.session, ours.credential, url))


async def test_a_resource_without_keys_that_exports_all_is_well(managed: Managed) -> None:
    """It is found by the endpoint of the settings."""
    managed.arm.settings = [diagnostic_setting(*ALL)]
    results = await managed.results()

    assert {name: result.status for name, result in results.items()} == {"resource keys": OK, "resource logs": OK}


async def test_keys_that_work_are_a_way_round(managed: Managed) -> None:
    """With the command that closes it; where ARM says nothing of it, they work."""
    managed.arm.settings = [diagnostic_setting(*ALL)]
    managed.arm.accounts = [account(keys_work=True)]
    result = (await managed.results())["resource keys"]

    assert result.status is WARNING
    assert result.command == f"az resource update --ids {RESOURCE} --set properties.disableLocalAuth=true"


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ([], FAILED),
        ([diagnostic_setting(*ALL, to="workspaceId")], FAILED),
        ([diagnostic_setting(category("RequestResponse", enabled=False), category("Audit"))], FAILED),
        ([diagnostic_setting(category("RequestResponse"))], WARNING),
        ([diagnostic_setting(group("audit"))], FAILED),
        ([diagnostic_setting(group("allLogs"))], OK),
        ([diagnostic_setting(*ALL, to="eventHubAuthorizationRuleId")], OK),
        ([diagnostic_setting(*ALL[:2]), diagnostic_setting(ALL[2])], OK),
        ([diagnostic_setting(*ALL, to="workspaceId"), diagnostic_setting(*ALL)], OK),
    ],
)
async def test_what_is_exported_is_what_we_can_read(
    managed: Managed, settings: list[dict[str, Any]], status: CheckStatus
) -> None:
    """By category or by group, to storage or an event hub; Log Analytics we do not read."""
    managed.arm.settings = settings
    result = (await managed.results())["resource logs"]

    assert result.status is status
    assert (RESOURCE in result.command) is (status is not OK)


async def test_a_resource_that_is_named_is_not_searched_for(managed: Managed) -> None:
    """A login that sees a thousand subscriptions need not go through them."""
    named = replace(managed.patient, resource_id=RESOURCE)
    await check_resource(named, managed.ours)

    assert managed.arm.asked[0][0] == RESOURCE


async def test_what_this_login_may_not_see_is_skipped(managed: Managed) -> None:
    """It says nothing of the installation; it can be looked up by hand."""
    managed.arm.status = 403
    searched = await managed.results()
    named = await check_resource(replace(managed.patient, resource_id=RESOURCE), managed.ours)
    credential = managed.patient.credential
    assert isinstance(credential, FakeCredential)
    credential.failure = ClientAuthenticationError("no")
    without_login = await managed.results()
    without_settings = await check_resource(replace(managed.patient, settings=None), managed.ours)

    for results in (searched.values(), named, without_login.values(), without_settings):
        assert [result.status for result in results] == [SKIPPED]


async def test_settings_that_may_not_be_seen_are_skipped(managed: Managed) -> None:
    """Other than the resource itself, they take a role in Azure Monitor."""

    async def forbidden(resource_id: str) -> Any:
        managed.arm.status = 403
        return await type(managed.ours).diagnostic_settings(managed.ours, resource_id)

    managed.ours.diagnostic_settings = forbidden  # type: ignore[method-assign]
    results = await managed.results()

    assert [result.status for result in results.values()] == [OK, SKIPPED]
