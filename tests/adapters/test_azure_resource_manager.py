"""Azure Resource Manager, simulated: which resource answers at a host, and that our token goes nowhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
from azure.core.exceptions import ClientAuthenticationError

from shared.adapters.azure_resource_manager import AzureResourceManager, endpoint_for
from shared.domain.errors import UpstreamNotAuthorized, UpstreamUnreachable
from tests.adapters.arm import RESOURCE, SUBSCRIPTION, SimulatedArm, simulated_arm
from tests.adapters.credential import FakeCredential
from tests.fakes import FakeClock


@dataclass(frozen=True, slots=True)
class Managed:
    """The adapter, what it asks, and whom it asks for tokens."""

    ours: AzureResourceManager
    arm: SimulatedArm
    url: str
    credential: FakeCredential


@pytest.fixture
async def managed() -> AsyncIterator[Managed]:
    credential = FakeCredential(FakeClock())
    async with simulated_arm() as (arm, url), aiohttp.ClientSession() as session:
        yield Managed(AzureResourceManager(session, credential, url), arm, url, credential)


async def test_a_resource_is_found_by_the_host_it_answers_at(managed: Managed) -> None:
    """The endpoint is all that the app's settings say."""
    found = await managed.ours.find_account("contoso.openai.azure.com")

    assert found is not None
    assert found["id"] == RESOURCE
    assert await managed.ours.find_account("other.openai.azure.com") is None
    assert managed.credential.asked[0] == f"{managed.url}/.default"
    assert managed.arm.asked[0] == ("/subscriptions", "Bearer token1")


async def test_pages_are_followed_within_azure(managed: Managed) -> None:
    """A next page somewhere else would be given our token."""
    managed.arm.next_link = f"{managed.url}/subscriptions?skip=1"
    assert await managed.ours.find_account("contoso.openai.azure.com") is not None

    managed.arm.next_link = "http://127.0.0.1:9/subscriptions?skip=1"
    assert await managed.ours.find_account("contoso.openai.azure.com") is None


async def test_answers_are_told_with_their_status(managed: Managed) -> None:
    """403 is an answer: this login may not see it."""
    assert (await managed.ours.account(RESOURCE)).body["name"] == "contoso"
    assert (await managed.ours.diagnostic_settings(RESOURCE)).body == {"value": []}
    managed.arm.status = 403
    assert (await managed.ours.account(RESOURCE)).status == 403
    assert await managed.ours.find_account("contoso.openai.azure.com") is None
    assert managed.arm.asked[1][0].startswith(SUBSCRIPTION)


async def test_what_odd_answers_hold_is_nothing(managed: Managed) -> None:
    """A proxy may answer in its place, with anything."""
    managed.arm.accounts = [{"id": 1}, "x", {"properties": []}, {"properties": {"endpoints": ["y"], "endpoint": 3}}]  # type: ignore[list-item]

    assert await managed.ours.find_account("contoso.openai.azure.com") is None


async def test_no_login_and_no_network_are_told_apart(managed: Managed) -> None:
    """The one is mended with `az login`."""
    managed.credential.failure = ClientAuthenticationError("no")
    with pytest.raises(UpstreamNotAuthorized):
        await managed.ours.account(RESOURCE)
    managed.credential.failure = None
    async with aiohttp.ClientSession() as session:
        nowhere = AzureResourceManager(session, managed.credential, "http://127.0.0.1:1")
        with pytest.raises(UpstreamUnreachable):
            await nowhere.account(RESOURCE)


@pytest.mark.parametrize(
    ("host", "endpoint"),
    [
        ("contoso.openai.azure.com", "https://management.azure.com"),
        ("contoso.openai.azure.us", "https://management.usgovcloudapi.net"),
        ("contoso.openai.azure.cn", "https://management.chinacloudapi.cn"),
    ],
)
def test_each_cloud_has_its_own(host: str, endpoint: str) -> None:
    """A token of one is worth nothing in another."""
    assert endpoint_for(host) == endpoint
