"""Reading the ledger where it holds more than records, or more than a page of them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from azure.data.tables.aio import TableServiceClient

from local.azurite import Azurite
from shared.adapters.table_service import StorageSettings, table_service
from shared.adapters.table_usage_records import TableUsageRecords
from shared.adapters.usage_columns import USAGE_TABLE
from shared.domain.errors import StorageUnavailable
from tests.adapters.records import BEGUN_AT, record
from tests.adapters.usage_rows import row

SOON = BEGUN_AT + timedelta(hours=1)


@pytest.fixture
async def service(azurite: Azurite) -> AsyncIterator[TableServiceClient]:
    async with table_service(StorageSettings(connection_string=azurite.connection_string)) as service:
        await service.delete_table(USAGE_TABLE)
        await service.create_table(USAGE_TABLE)
        yield service


async def test_more_than_a_page_of_records_is_read_to_its_end(service: TableServiceClient) -> None:
    """The service gives a thousand at a time."""
    table = service.get_table_client(USAGE_TABLE)
    expected = [record(f"c{number:04}") for number in range(1100)]
    for start in range(0, 1100, 100):
        await table.submit_transaction([("upsert", row(each)) for each in expected[start : start + 100]])

    pages = [page async for page in TableUsageRecords(service).between(BEGUN_AT, SOON)]

    assert [len(page) for page in pages] == [1000, 100]
    assert [each for page in pages for each in page] == expected


async def test_a_row_that_is_no_record_hides_no_other(
    service: TableServiceClient, caplog: pytest.LogCaptureFixture
) -> None:
    """People edit tables. It is named in the log, without what is in it."""
    table = service.get_table_client(USAGE_TABLE)
    odd = row(record("c1"))
    await table.upsert_entity({"PartitionKey": odd["PartitionKey"], "RowKey": odd["RowKey"], "note": "by hand"})
    await table.upsert_entity(row(record("c2")))
    with caplog.at_level(logging.WARNING, logger="shared"):
        pages = [page async for page in TableUsageRecords(service).between(BEGUN_AT, SOON)]

    assert pages == [[record("c2")]]
    assert [(each.message, each.__dict__["row_key"]) for each in caplog.records] == [
        ("usage.row_not_understood", odd["RowKey"])
    ]


async def test_half_a_principal_is_a_mistake(service: TableServiceClient) -> None:
    """To read all records instead would show them to one who may not see them."""
    with pytest.raises(ValueError, match="tenant id and an object id"):
        await anext(TableUsageRecords(service).between(BEGUN_AT, SOON, tenant_id="t"))


async def test_a_store_that_is_down_is_said_to_be_so() -> None:
    """And not that there are no records."""
    connection_string = "AccountName=contoso;AccountKey=c2VjcmV0;TableEndpoint=http://127.0.0.1:1/contoso;"
    async with TableServiceClient.from_connection_string(connection_string, retry_total=0) as service:
        with pytest.raises(StorageUnavailable):
            await anext(TableUsageRecords(service).between(BEGUN_AT, SOON))
