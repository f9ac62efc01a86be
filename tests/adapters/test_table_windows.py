"""The table `reconciliation` where it holds what we did not write."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest
from azure.data.tables.aio import TableServiceClient

from local.azurite import Azurite
from shared.adapters.table_findings import TABLE as FINDINGS
from shared.adapters.table_findings import TableFindings
from shared.adapters.table_logged_calls import TableLoggedCalls
from shared.adapters.table_service import StorageSettings, table_service
from shared.adapters.table_windows import TABLE, TableWindows
from shared.domain.logs.keys import SERVICE_CALLS_TABLE
from shared.domain.reconciliation.windows import HOUR, Window, WindowState
from tests.usecases.reconciling import NOW

WINDOW = Window.of_hour(NOW)


@pytest.fixture
async def service(azurite: Azurite) -> AsyncIterator[TableServiceClient]:
    async with table_service(StorageSettings(connection_string=azurite.connection_string)) as service:
        for table in (TABLE, FINDINGS, SERVICE_CALLS_TABLE):
            await service.delete_table(table)
            await service.create_table(table)
        yield service


async def test_a_mark_by_hand_that_is_no_window_hides_no_other(
    service: TableServiceClient, caplog: pytest.LogCaptureFixture
) -> None:
    """The operations guide says how to make one."""
    table = service.get_table_client(TABLE)
    for row_key in ("20261123T09", "yesterday"):
        await table.create_entity({"PartitionKey": "~marks", "RowKey": row_key})
    with caplog.at_level(logging.WARNING, logger="shared"):
        marks = await TableWindows(table).marks()

    assert [mark.window for mark in marks] == [WINDOW]
    assert [record.message for record in caplog.records] == ["reconciliation.row_not_understood"]


async def test_rows_that_are_not_ours_are_left_out(
    service: TableServiceClient, caplog: pytest.LogCaptureFixture
) -> None:
    """People edit tables; what they leave must not stop what proves the ledger."""
    keys = {"PartitionKey": "20261123T09", "RowKey": "~window"}
    await service.get_table_client(TABLE).create_entity(keys)
    await service.get_table_client(TABLE).create_entity({"PartitionKey": "20261123T09", "RowKey": "x"})
    await service.get_table_client(FINDINGS).create_entity({"PartitionKey": "20261123", "RowKey": "x"})
    await service.get_table_client(SERVICE_CALLS_TABLE).create_entity({"PartitionKey": "20261123T09_r", "RowKey": "x"})
    windows, findings = TableWindows(service.get_table_client(TABLE)), TableFindings(service.get_table_client(FINDINGS))
    with caplog.at_level(logging.WARNING, logger="shared"):
        assert await windows.states(NOW, NOW + HOUR) == {}
        assert [each async for page in windows.totals(NOW - HOUR, NOW + HOUR) for each in page] == []
        assert await findings.of_day(NOW.date()) == []
        logged = TableLoggedCalls(service).of_hour(WINDOW.begins_at)
        assert [each async for page in logged for each in page] == []

    assert [record.message for record in caplog.records] == [
        "reconciliation.row_not_understood",
        "reconciliation.row_not_understood",
        "findings.row_not_understood",
        "logs.row_not_understood",
    ]


async def test_a_state_that_somebody_broke_is_made_anew(service: TableServiceClient) -> None:
    """To fail at it would be to fail each minute, for ever."""
    table = service.get_table_client(TABLE)
    await table.create_entity({"PartitionKey": "20261123T09", "RowKey": "~window", "open_runs": "[["})
    windows = TableWindows(table)
    state = await windows.state(WINDOW)

    assert (state.last_run, bool(state.version)) == (0, True)
    assert await windows.put(state.claimed(NOW))
    assert state == WindowState(window=WINDOW, version=state.version)
