"""Which model each deployment serves, in the table `deployments`: one row a deployment.

| column | type | what |
| --- | --- | --- |
| PartitionKey | string | the resource's host name, in lower case |
| RowKey | string | the deployment, in lower case, escaped where a key may not hold it |
| deployment, model | string | the deployment, and the model its last answer named |
| learnt_at | datetime | UTC |
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from shared.adapters.table_service import storage_errors
from shared.domain.deployment_models import DeploymentKey
from shared.ports.clock import Clock

TABLE = "deployments"


class TableDeploymentModels:
    """Fulfils DeploymentModelStore. The table is made by the first write; the client is the bootstrap's."""

    def __init__(self, table: TableClient, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    async def all(self) -> Sequence[tuple[DeploymentKey, str]]:
        """Return every deployment with its model. Raises StorageError."""
        with storage_errors("reading the models of deployments"):
            try:
                return [
                    (DeploymentKey(row["PartitionKey"], row["deployment"]), row["model"])
                    async for row in self._table.list_entities()
                    if "deployment" in row and "model" in row
                ]
            except ResourceNotFoundError:
                return []

    async def put(self, key: DeploymentKey, model: str) -> None:
        """Keep what a deployment serves. Raises StorageError."""
        with storage_errors("writing the model of a deployment"):
            try:
                await self._replace(key, model)
            except ResourceNotFoundError:
                await self._create_table()
                await self._replace(key, model)

    async def _replace(self, key: DeploymentKey, model: str) -> None:
        row = {
            "PartitionKey": key.resource,
            # `%` is allowed in a key, and what it escapes is not.
            "RowKey": quote(key.deployment, safe=""),
            "deployment": key.deployment,
            "model": model,
            "learnt_at": self._clock.now(),
        }
        await self._table.upsert_entity(row, mode=UpdateMode.REPLACE)

    async def _create_table(self) -> None:
        try:
            await self._table.create_table()
        except ResourceExistsError:
            # Somebody else made it between our two requests.
            return
