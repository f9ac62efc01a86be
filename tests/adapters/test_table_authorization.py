"""How requests to the Table service are signed. That the key's signature is right, Azurite shows."""

from __future__ import annotations

import asyncio

import pytest
from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential
from azure.core.exceptions import ClientAuthenticationError
from azure.data.tables.aio import TableServiceClient

from shared.adapters.table_authorization import SCOPE, BearerToken, TableEndpoint, authorization
from shared.domain.errors import SettingsInvalid, StorageUnavailable
from tests.adapters.credential import FakeCredential
from tests.fakes import FakeClock

URL = "https://contoso.table.core.windows.net"


async def shown(bearer: BearerToken) -> str:
    return (await bearer.headers("usage()"))["Authorization"]


async def test_a_token_serves_until_shortly_before_its_end() -> None:
    """A token asked for on every call would cost more than the call; one too old would lose it."""
    clock = FakeClock()
    credential = FakeCredential(clock)
    bearer = BearerToken(credential, clock)

    assert await shown(bearer) == "Bearer token1"
    clock.advance(2900)
    assert await shown(bearer) == "Bearer token1"
    clock.advance(200)
    # Nobody waits: the next is fetched meanwhile.
    assert await shown(bearer) == "Bearer token1"
    await asyncio.sleep(0.01)
    assert await shown(bearer) == "Bearer token2"
    assert credential.asked == [SCOPE, SCOPE]


async def test_calls_that_need_a_token_together_ask_for_one() -> None:
    """At a cold start all calls need it at once, and the identity endpoint throttles."""
    clock = FakeClock()
    credential = FakeCredential(clock)
    bearer = BearerToken(credential, clock)

    assert set(await asyncio.gather(*(shown(bearer) for _ in range(20)))) == {"Bearer token1"}
    assert len(credential.asked) == 1


async def test_a_token_is_used_to_its_end_where_no_new_one_can_be_had() -> None:
    """A hiccup of the identity endpoint is no outage yet."""
    clock = FakeClock()
    credential = FakeCredential(clock)
    bearer = BearerToken(credential, clock)
    await shown(bearer)
    credential.failure = ClientAuthenticationError("hiccup")
    clock.advance(3500)

    for _ in range(5):
        assert await shown(bearer) == "Bearer token1"
        await asyncio.sleep(0.01)
    # Not each call of the next moment tries again.
    assert len(credential.asked) == 2

    clock.advance(200)
    with pytest.raises(StorageUnavailable, match="ClientAuthenticationError"):
        await shown(bearer)


async def test_a_token_the_service_did_not_accept_is_renewed() -> None:
    """Rights are revoked by refusing tokens that are not over."""
    clock = FakeClock()
    bearer = BearerToken(FakeCredential(clock), clock)
    await shown(bearer)

    assert bearer.renew()
    assert await shown(bearer) == "Bearer token2"


def test_the_sdks_client_says_where_the_tables_are() -> None:
    """Connection strings of every kind are understood in one place, Microsoft's."""
    key = "DefaultEndpointsProtocol=https;AccountName=contoso;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net"
    endpoint = TableEndpoint.of(TableServiceClient.from_connection_string(key))

    assert endpoint.url == URL
    assert isinstance(endpoint.credential, AzureNamedKeyCredential)
    assert endpoint.credential.named_key == ("contoso", "c2VjcmV0")


@pytest.mark.parametrize(
    "connection_string",
    [
        f"TableEndpoint={URL}/;SharedAccessSignature=sv=2020-12-06&sig=abc%3D",
        f"TableEndpoint={URL};SharedAccessSignature=?sv=2020-12-06&sig=abc%3D",
    ],
)
async def test_a_sas_goes_into_the_url_as_it_is(connection_string: str) -> None:
    """Encoded anew, its signature would be another."""
    endpoint = TableEndpoint.of(TableServiceClient.from_connection_string(connection_string))
    signed = authorization(endpoint, FakeClock())

    assert endpoint.url == URL
    assert signed.query == "sv=2020-12-06&sig=abc%3D"
    assert await signed.headers("usage()") == {}


def test_a_sas_in_the_url_is_found() -> None:
    """The SDK takes it there too."""
    service = TableServiceClient(f"{URL}?sv=2020-12-06&sig=abc%3D")

    assert "sig=abc%3D" in authorization(TableEndpoint.of(service), FakeClock()).query


def test_an_endpoint_without_a_credential_is_refused() -> None:
    """At the start, not at the first call."""
    with pytest.raises(SettingsInvalid):
        authorization(TableEndpoint(url=URL), FakeClock())


def test_no_secret_is_shown() -> None:
    """Settings end up in tracebacks."""
    endpoint = TableEndpoint(url=URL, query="sig=abc", credential=AzureSasCredential("sig=abc"))

    assert "abc" not in repr(endpoint)
