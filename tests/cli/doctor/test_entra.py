"""Entra looked over: whose tokens are taken, and whether they could be checked."""

from __future__ import annotations

import json
from dataclasses import replace

from local.azurite import Azurite
from shared.cli.doctor.entra import check_entra
from shared.domain.check import CheckResult, CheckStatus
from tests.adapters.entra import jwk
from tests.cli.doctor.patient import answering, patient

OK, WARNING, FAILED, SKIPPED = CheckStatus
TENANT = "99999999-0000-4000-8000-000000000000"


async def looked_over(azurite: Azurite, **settings: str) -> list[CheckResult]:
    async with patient(azurite, **settings) as ours:
        return await check_entra(ours)


async def test_a_tenant_whose_keys_can_be_fetched_is_well(azurite: Azurite) -> None:
    """And the role that its callers need is told."""
    async with answering(200, json.dumps({"keys": [jwk("first")]})) as (server, url):
        (result,) = await looked_over(
            azurite, ENTRA_TENANT_IDS=TENANT, ENTRA_AUTHORITY=url, ENTRA_REQUIRED_ROLE="Gateway.Call"
        )

    assert (result.status, "'Gateway.Call'" in result.seen) == (OK, True)
    assert server.shown[0][0] == f"/{TENANT}/discovery/v2.0/keys"


async def test_a_tenant_whose_keys_cannot_be_fetched_is_a_failure(azurite: Azurite) -> None:
    """No token could be checked: every caller would be answered 503."""
    async with answering(400, '{"error":"invalid_tenant"}') as (_, url):
        (refused,) = await looked_over(azurite, ENTRA_TENANT_IDS=TENANT, ENTRA_AUTHORITY=url)
    (unreachable,) = await looked_over(azurite, ENTRA_TENANT_IDS=TENANT, ENTRA_AUTHORITY="http://127.0.0.1:1")

    assert [refused.status, unreachable.status] == [FAILED, FAILED]


async def test_a_tenants_name_is_not_its_id(azurite: Azurite) -> None:
    """Entra answers to either, so the mistake shows only when every token is refused."""
    results = await looked_over(azurite, ENTRA_TENANT_IDS="contoso.onmicrosoft.com")

    assert [result.status for result in results] == [FAILED]
    assert "ENTRA_TENANT_IDS" in results[0].advice


async def test_no_tenant_at_all_leaves_keys(azurite: Azurite) -> None:
    """It works, and is hardly what was meant; unless the platform proves principals."""
    (without,) = await looked_over(azurite)
    (easy_auth,) = await looked_over(azurite, WEBSITE_AUTH_ENABLED="True")
    async with patient(azurite) as ours:
        (nowhere,) = await check_entra(replace(ours, settings=None))

    assert [without.status, easy_auth.status, nowhere.status] == [WARNING, OK, SKIPPED]
