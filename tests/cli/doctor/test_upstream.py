"""Azure OpenAI looked over: what each answer means for each way in, and that no key is told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from azure.core.exceptions import ClientAuthenticationError

from local.azurite import Azurite
from shared.cli.doctor.environment import Patient
from shared.cli.doctor.upstream import check_upstream
from shared.domain.check import CheckResult, CheckStatus
from tests.adapters.credential import FakeCredential
from tests.cli.doctor.patient import Answering, answering, patient

OK, WARNING, FAILED, SKIPPED = CheckStatus
KEY = {"UPSTREAM_AUTH": "key", "AZURE_OPENAI_API_KEY": "s3cret"}
IDENTITY = {"UPSTREAM_AUTH": "managed_identity"}
CALLER = {"UPSTREAM_AUTH": "caller"}
DENIED = '{"error":{"code":"PermissionDenied","message":"The principal lacks the required data action"}}'


async def looked_over(
    azurite: Azurite, settings: dict[str, str], status: int, body: str = "{}"
) -> tuple[CheckResult, Answering]:
    async with (
        answering(status, body) as (server, url),
        patient(azurite, AZURE_OPENAI_ENDPOINT=url, **settings) as ours,
    ):
        (result,) = await check_upstream(ours)
    return result, server


@pytest.mark.parametrize(
    ("settings", "status", "expected", "says"),
    [
        (KEY, 200, OK, "lets us in"),
        (IDENTITY, 200, OK, "Cognitive Services OpenAI User"),
        (CALLER, 401, OK, "its own credential"),
        (KEY, 401, FAILED, "AZURE_OPENAI_API_KEY"),
        (KEY, 403, FAILED, "UPSTREAM_AUTH=managed_identity"),
        (IDENTITY, 401, WARNING, "Cognitive Services OpenAI User"),
        (IDENTITY, 403, WARNING, "network rules"),
        (KEY, 404, FAILED, "https://NAME.openai.azure.com"),
        (CALLER, 404, FAILED, "https://NAME.openai.azure.com"),
        (KEY, 429, WARNING, "quota"),
        (KEY, 500, FAILED, "status page"),
        (KEY, 302, FAILED, "what stands between"),
    ],
)
async def test_each_answer_is_explained(
    azurite: Azurite, settings: dict[str, str], status: int, expected: CheckStatus, says: str
) -> None:
    """A number alone helps nobody; what it means depends on how we get in."""
    result, _ = await looked_over(azurite, settings, status)

    assert result.status is expected
    assert says in f"{result.seen} {result.advice}"
    assert "s3cret" not in str(result)


async def test_what_is_asked_for_costs_no_token(azurite: Azurite) -> None:
    """A list of models; with the key, or a token, and nothing else."""
    _, by_key = await looked_over(azurite, KEY, 200)
    _, by_token = await looked_over(azurite, IDENTITY, 200)
    (path, headers), (_, others) = by_key.shown[0], by_token.shown[0]

    assert path == "/openai/models?api-version=2024-10-21"
    assert (headers.get("api-key"), headers.get("authorization")) == ("s3cret", None)
    assert (others.get("api-key"), others.get("authorization")) == (None, "Bearer token1")


async def test_azures_code_is_told_where_it_is_one(azurite: Azurite) -> None:
    """It tells one 403 from another; of anything else nothing is repeated."""
    known, _ = await looked_over(azurite, IDENTITY, 403, DENIED)
    odd = [
        (await looked_over(azurite, IDENTITY, 403, body))[0]
        for body in ('{"error":{"code":"\\u001b[31m"}}', "[]", "<html>", '{"error":"x"}')
    ]

    assert "answered 403 (PermissionDenied)" in known.seen
    assert all(result.seen.endswith("answered 403") for result in odd)


async def test_what_cannot_be_reached_is_said(azurite: Azurite) -> None:
    """A slip in the name, or a private endpoint."""
    async with patient(azurite, AZURE_OPENAI_ENDPOINT="http://127.0.0.1:1", **KEY) as ours:
        (result,) = await check_upstream(ours)

    assert (result.status, "cannot be reached" in result.seen) == (FAILED, True)


async def test_who_is_not_logged_in_is_told_to(azurite: Azurite) -> None:
    """Nothing is asked then."""
    async with patient(azurite, **IDENTITY) as ours:
        assert isinstance(ours.credential, FakeCredential)
        ours.credential.failure = ClientAuthenticationError("no")
        (result,) = await check_upstream(ours)

    assert (result.status, result.command) == (FAILED, "az login")


async def test_a_key_in_a_vault_is_not_ours_to_read(azurite: Azurite) -> None:
    """What stands in the setting is a reference; Azure would refuse it as a key."""
    vault = {**KEY, "AZURE_OPENAI_API_KEY": "@Microsoft.KeyVault(SecretUri=https://v.vault.azure.net/secrets/k)"}
    result, server = await looked_over(azurite, vault, 200)

    assert (result.status, server.shown) == (SKIPPED, [])


async def test_without_settings_there_is_nothing_to_ask(azurite: Azurite) -> None:
    """What is wrong with them is told by another check."""
    async with patient(azurite) as ours:
        nowhere: Patient = replace(ours, settings=None)
        (result,) = await check_upstream(nowhere)

    assert result.status is SKIPPED
