"""Which model each deployment serves, in a real table."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables.aio import TableClient

from local.azurite import Azurite
from shared.adapters.table_deployment_models import TABLE, TableDeploymentModels
from shared.adapters.table_service import StorageSettings, open_tables
from shared.domain.deployment_models import DeploymentKey
from tests.fakes import FakeClock

KEY = DeploymentKey("contoso.openai.azure.com", "gpt-4o")


@pytest.fixture
async def table(azurite: Azurite) -> AsyncIterator[TableClient]:
    """A table that is not there yet."""
    async with open_tables(StorageSettings(connection_string=azurite.connection_string)) as tables:
        client = tables.get_table_client(TABLE)
        try:
            rows = [row async for row in client.list_entities()]
        except ResourceNotFoundError:
            rows = []
        for row in rows:
            await client.delete_entity(row)
        yield client


async def test_what_is_put_is_there_and_the_newest_stays(table: TableClient) -> None:
    """One row a deployment, whoever learns."""
    store = TableDeploymentModels(table, FakeClock())
    await store.put(KEY, "gpt-4o-2024-08-06")
    await store.put(KEY, "gpt-4o-2024-11-20")

    assert list(await store.all()) == [(KEY, "gpt-4o-2024-11-20")]


@pytest.mark.parametrize("name", ["a/b", "a%2Fb", "deployment#1?", "größe", "tab\there"])
async def test_a_deployment_of_any_name_comes_back(table: TableClient, name: str) -> None:
    """A caller of the v1 path chooses it."""
    store = TableDeploymentModels(table, FakeClock())
    key = DeploymentKey("contoso.openai.azure.com", name)
    await store.put(key, "gpt-4o")

    assert (key, "gpt-4o") in await store.all()
