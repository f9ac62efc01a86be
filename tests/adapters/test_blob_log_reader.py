"""Log blobs on Azurite: found without listing years of them, and read by ranges."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from local.azurite import Azurite
from shared.adapters.blob_service import blob_service
from shared.adapters.table_service import StorageSettings
from shared.domain.errors import SettingsInvalid
from shared.domain.logs.reading import BlobRange
from tests.usecases.ingesting import HOUR, LogAccount, log_account


@pytest.fixture
async def account(azurite: Azurite) -> AsyncIterator[LogAccount]:
    async with log_account(azurite) as account:
        yield account


async def test_a_resource_is_what_stands_before_the_year(account: LogAccount) -> None:
    """A project of a resource has logs of its own below it; a subscription has them at once."""
    resources = ["/SUBSCRIPTIONS/S1/A/B", "/SUBSCRIPTIONS/S1/A/B/PROJECTS/P", "/SUBSCRIPTIONS/S2"]
    for resource in resources:
        for month in (10, 11):
            await account.append(account.blob(HOUR.replace(month=month), resource), b"{}\n")
    stray = replace(account.blob(), name="readme.txt")
    await account.append(stray, b"x")
    found = [resource async for resource in account.blobs.resources(account.container)]

    assert sorted(found) == [f"resourceId={resource}/" for resource in resources]


async def test_where_there_is_no_container_there_is_nothing(account: LogAccount) -> None:
    """Azure makes it with the first line."""
    assert [each async for each in account.blobs.resources("not-yet")] == []
    assert [each async for each in account.blobs.under("not-yet", "")] == []


async def test_a_name_costs_no_listing_of_containers(account: LogAccount) -> None:
    """An identity that may read one container may not list them all."""
    await account.append(account.blob(), b"x")
    named = [each async for each in account.blobs.containers(["b", "a"])]
    matched = [each async for each in account.blobs.containers([f"{account.container[:-1]}*", account.container])]

    assert named == ["a", "b"]
    assert matched == [account.container]


async def test_a_range_knows_its_blob(account: LogAccount) -> None:
    """Its length and its version, as the listing has them; behind its end there is nothing."""
    blob = account.blob()
    await account.append(blob, b"0123456789")
    (listed,) = [each async for each in account.blobs.under(account.container, "resourceId=")]
    ranges = [await account.blobs.read(blob, offset, 4) for offset in (0, 8, 10, 99)]

    assert (listed.blob, listed.size) == (blob, 10)
    assert ranges == [BlobRange(data=data, size=10, etag=listed.etag) for data in (b"0123", b"89", b"", b"")]


async def test_a_blob_without_bytes_or_none_at_all(account: LogAccount) -> None:
    """Azure makes a blob and then appends to it; lifecycle rules take it away."""
    blob = account.blob()
    await account.append(blob, b"x")
    empty = replace(blob, name="empty")
    await account.service.get_blob_client(account.container, "empty").create_append_blob()
    found = await account.blobs.read(empty, 0, 4)

    assert found is not None
    assert (found.data, found.size) == (b"", 0)
    assert await account.blobs.read(replace(blob, name="gone"), 0, 4) is None


@pytest.mark.parametrize(
    "storage", [StorageSettings(connection_string="AccountKey=s3cret"), StorageSettings(blob_endpoint="https://a.b")]
)
def test_settings_that_open_nothing_are_named(storage: StorageSettings) -> None:
    """Without the key that may be in them."""
    with pytest.raises(SettingsInvalid) as raised:
        blob_service(storage)

    assert "s3cret" not in str(raised.value)
