"""Gateway keys in Table Storage; what any GatewayKeys must do is tested of the fake too."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from azure.data.tables.aio import TableClient, TableServiceClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.azurite import Azurite
from shared.adapters.table_gateway_keys import TableGatewayKeys
from shared.domain.errors import StorageNotAuthorized, StorageRejected, StorageUnavailable
from shared.domain.gateway_key import GatewayKey, hash_key, key_id
from shared.domain.principal import Principal, PrincipalKind
from shared.ports.principals import GatewayKeys
from tests.fakes import FakeGatewayKeys

ISSUED = datetime(2026, 11, 23, 9, 0, 0, 123456, tzinfo=UTC)
TENANT = "99999999-0000-4000-8000-000000000000"


def key(secret: str, principal: Principal | None = None, **changes: datetime) -> GatewayKey:
    key_hash = hash_key(secret)
    proved = replace(principal or Principal.from_name("dev"), key_id=key_id(key_hash))
    return GatewayKey(key_hash=key_hash, principal=proved, **{"issued_at": ISSUED, **changes})


@pytest.fixture
async def table(azurite: Azurite) -> AsyncIterator[TableClient]:
    """A table of the test's own, which is not there yet."""
    async with TableServiceClient.from_connection_string(azurite.connection_string) as service:
        table = service.get_table_client(f"keys{uuid.uuid4().hex}")
        yield table
        await table.delete_table()


@pytest.fixture(params=["fake", "table"])
def keys(request: pytest.FixtureRequest, table: TableClient) -> GatewayKeys:
    return FakeGatewayKeys() if request.param == "fake" else TableGatewayKeys(table)


async def test_a_key_is_found_as_it_was_put(keys: GatewayKeys) -> None:
    """Who is charged, and until when, must survive storage to the microsecond."""
    principal = Principal(
        tenant_id=TENANT,
        object_id="11111111-2222-4333-8444-555555555555",
        kind=PrincipalKind.MANAGED_IDENTITY,
        app_id="app",
        name="Zürich 🙂",
        roles=frozenset({"Reader", "Writer"}),
    )
    full = key(
        "aoai-full",
        principal,
        expires_at=ISSUED + timedelta(days=90),
        revoked_at=ISSUED + timedelta(days=1),
        last_used_at=ISSUED + timedelta(microseconds=1),
    )
    bare = key("aoai-bare")
    await keys.put(full)
    await keys.put(bare)

    found = await keys.find(full.key_hash)
    assert found == full
    # Equal to a datetime is not enough: the SDK's own kind cannot be encoded as JSON.
    assert type(found.issued_at) is datetime
    assert await keys.find(bare.key_hash) == bare


async def test_a_key_nobody_put_is_not_found(keys: GatewayKeys) -> None:
    """Neither before the first key there is, nor after."""
    before = await keys.find(hash_key("aoai-unknown"))
    await keys.put(key("aoai-known"))

    assert before is None
    assert await keys.find(hash_key("aoai-unknown")) is None


async def test_a_key_put_again_is_replaced(keys: GatewayKeys) -> None:
    """That is how a key is revoked, and how an expiry is taken away."""
    await keys.put(key("aoai-a", expires_at=ISSUED))
    revoked = key("aoai-a", revoked_at=ISSUED)
    await keys.put(revoked)

    assert await keys.all() == [revoked]


async def test_all_keys_are_listed_oldest_first(keys: GatewayKeys) -> None:
    """An operator looks for what is old."""
    none_yet = await keys.all()
    put = [key(f"aoai-{days}", issued_at=ISSUED - timedelta(days=days)) for days in range(5)]
    for one in put:
        await keys.put(one)

    assert list(none_yet) == []
    assert list(await keys.all()) == put[::-1]


async def test_the_last_use_changes_nothing_else(keys: GatewayKeys) -> None:
    """A worker that has read a key before it was revoked must not bring it back."""
    revoked = key("aoai-a", revoked_at=ISSUED)
    used_at = ISSUED + timedelta(hours=1)
    await keys.put(revoked)
    await keys.mark_used(revoked.key_hash, used_at)

    assert await keys.find(revoked.key_hash) == replace(revoked, last_used_at=used_at)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=256),
    roles=st.frozensets(st.text(st.characters(exclude_categories=["Cs", "Cc"])), max_size=4),
    issued_at=st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
async def test_whatever_a_principal_is_called_comes_back(
    table: TableClient, name: str, roles: frozenset[str], issued_at: datetime
) -> None:
    """Names and roles are the operator's to choose."""
    keys = TableGatewayKeys(table)
    principal = replace(Principal.from_name("dev"), name=name, roles=roles)
    put = key("aoai-any", principal, issued_at=issued_at)
    await keys.put(put)

    assert await keys.find(put.key_hash) == put


async def test_the_table_holds_nothing_to_call_with(table: TableClient) -> None:
    """Whoever reads the table must not be able to use a key."""
    await TableGatewayKeys(table).put(key("aoai-secret"))
    rows = [dict(row) async for row in table.list_entities()]

    assert "aoai-secret" not in repr(rows)
    assert (rows[0]["PartitionKey"], rows[0]["RowKey"]) == (hash_key("aoai-secret")[:2], hash_key("aoai-secret"))


@pytest.mark.parametrize(
    "edited", [{"principal_kind": "robot"}, {"issued_at": "today"}, {"roles": "A"}, {"object_id": "a/b"}], ids=str
)
async def test_a_row_we_did_not_write_is_named(table: TableClient, edited: dict[str, str]) -> None:
    """Somebody edited the table; the message says which row, not only that one is bad."""
    put = key("aoai-edited")
    await TableGatewayKeys(table).put(put)
    await table.update_entity({"PartitionKey": put.key_hash[:2], "RowKey": put.key_hash, **edited})

    with pytest.raises(StorageRejected, match=put.key_id):
        await TableGatewayKeys(table).find(put.key_hash)


async def test_storage_out_of_reach_is_told_as_that(unused_tcp_port: int, azurite: Azurite) -> None:
    """It is neither the caller's fault nor a key that is not known."""
    nowhere = azurite.connection_string.replace(f":{azurite.table_port}/", f":{unused_tcp_port}/")
    async with TableServiceClient.from_connection_string(nowhere, retry_total=0) as service:
        keys = TableGatewayKeys(service.get_table_client("keys"))
        with pytest.raises(StorageUnavailable, match="reading a gateway key"):
            await keys.find(hash_key("aoai-a"))
        with pytest.raises(StorageUnavailable, match="writing a gateway key"):
            await keys.put(key("aoai-a"))


# azure-data-tables 12.7 asks an XML element for its truth value when it reads a 403.
@pytest.mark.filterwarnings("ignore:Testing an element's truth value:DeprecationWarning")
async def test_storage_that_refuses_us_is_told_as_that(azurite: Azurite) -> None:
    """The account key or a role is wrong: who has been told mends it, and whoever calls comes again."""
    wrong = azurite.connection_string.replace("AccountKey=E", "AccountKey=F")
    async with TableServiceClient.from_connection_string(wrong) as service:
        with pytest.raises(StorageNotAuthorized):
            await TableGatewayKeys(service.get_table_client("keys")).find(hash_key("aoai-a"))
