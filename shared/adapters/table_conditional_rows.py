"""Rows of one table that several workers change, each only while it is of the version that was read.

With Microsoft's own client: this is not on the path of a call.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import EdmType, EntityProperty, TableTransactionError, UpdateMode
from azure.data.tables.aio import TableClient

from shared.adapters.table_service import storage_errors
from shared.domain.table_entity import MAX_BATCH_ENTITIES, Int64, TableEntity, Value, check_entity

# Gone, or of another version; there already; not there any more.
_CHANGED_MEANWHILE = frozenset({404, 409, 412})
_CONFLICTS = (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError)


class ConditionalRows:
    """Reads and writes them. The table is made by the first write; the client is the bootstrap's."""

    def __init__(self, table: TableClient) -> None:
        self._table = table
        self._what = f"table {table.table_name!r}"

    async def get(self, partition_key: str, row_key: str) -> Mapping[str, Any] | None:
        """Return a row, None where there is none. Raises StorageError."""
        with storage_errors(f"reading a row of {self._what}"):
            try:
                return await self._table.get_entity(partition_key, row_key)
            except ResourceNotFoundError:
                return None

    async def pages(self, query: str, parameters: Mapping[str, str]) -> AsyncIterator[list[Mapping[str, Any]]]:
        """Yield the rows of a query, a page at a time. Raises StorageError."""
        with storage_errors(f"reading {self._what}"):
            found = self._table.query_entities(query, parameters=dict(parameters))
            try:
                async for rows in found.by_page():
                    yield [row async for row in rows]
            except ResourceNotFoundError:
                # No table: nothing has been kept yet.
                return

    async def put(self, entity: TableEntity, version: str) -> str | None:
        """
        Keep a row in place of one of this version, or where that is empty as a new one; return its new version.

        Returns None where it is of another version by now.

        Raises:
            StorageError
        """
        row = _row(entity)
        with storage_errors(f"writing a row of {self._what}"):
            try:
                written = await (self._update(row, version) if version else self._add(row))
            except _CONFLICTS:
                return None
        return str(written["etag"])

    async def put_with(
        self, entity: TableEntity, version: str, others: Sequence[TableEntity], gone: Iterable[str]
    ) -> bool:
        """
        As `put`, and in the same transaction keep others of that partition, and take rows away by their keys.

        More than fit one transaction are done before it: until it is done, they may be done again.

        Raises:
            StorageError
        """
        condition = {"mode": UpdateMode.REPLACE, "etag": version, "match_condition": MatchConditions.IfNotModified}
        operations: list[Any] = [("upsert", _row(other), {"mode": UpdateMode.REPLACE}) for other in others]
        keys = {"PartitionKey": entity.partition_key}
        operations += [("delete", {**keys, "RowKey": row_key}) for row_key in gone]
        operations.append(("update", _row(entity), condition))
        with storage_errors(f"writing rows of {self._what}"):
            first = len(operations) % MAX_BATCH_ENTITIES or MAX_BATCH_ENTITIES
            for start in range(first - MAX_BATCH_ENTITIES, len(operations), MAX_BATCH_ENTITIES):
                if not await self._transact(operations[max(0, start) : start + MAX_BATCH_ENTITIES]):
                    return False
        return True

    async def upsert(self, entity: TableEntity) -> None:
        """Keep a row whatever was there. Raises StorageError."""
        row = _row(entity)
        with storage_errors(f"writing a row of {self._what}"):
            try:
                await self._table.upsert_entity(row, mode=UpdateMode.REPLACE)
            except ResourceNotFoundError:
                await self._create_table()
                await self._table.upsert_entity(row, mode=UpdateMode.REPLACE)

    async def delete(self, partition_key: str, row_key: str, version: str) -> None:
        """Take a row away if it is of this version. Raises StorageError."""
        with storage_errors(f"removing a row of {self._what}"):
            try:
                await self._table.delete_entity(
                    partition_key, row_key, etag=version, match_condition=MatchConditions.IfNotModified
                )
            except ResourceModifiedError:
                # It has been written again since.
                return

    async def _transact(self, operations: Sequence[Any]) -> bool:
        try:
            await self._table.submit_transaction(operations)
        except (TableTransactionError, HttpResponseError) as error:
            if error.status_code in _CHANGED_MEANWHILE:
                return False
            raise
        return True

    async def _update(self, row: Mapping[str, Any], version: str) -> Mapping[str, Any]:
        return await self._table.update_entity(
            row, mode=UpdateMode.REPLACE, etag=version, match_condition=MatchConditions.IfNotModified
        )

    async def _add(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return await self._table.create_entity(row)
        except ResourceNotFoundError:
            await self._create_table()
            return await self._table.create_entity(row)

    async def _create_table(self) -> None:
        try:
            await self._table.create_table()
        except ResourceExistsError:
            # Somebody else made it between our two requests.
            return


def _row(entity: TableEntity) -> dict[str, Any]:
    """Return a row as the client takes it. Raises StorageRejected where it breaks a limit of the service."""
    check_entity(entity)
    properties = {name: _property(value) for name, value in entity.properties.items()}
    return {"PartitionKey": entity.partition_key, "RowKey": entity.row_key, **properties}


def _property(value: Value) -> Any:
    return EntityProperty(int(value), EdmType.INT64) if isinstance(value, Int64) else value


def cell(row: Mapping[str, Any], name: str) -> Any:
    """Return a value of a row as a plain one, None where there is none."""
    value = row.get(name)
    if isinstance(value, EntityProperty):
        # The client wraps 64-bit numbers.
        return value.value
    if isinstance(value, datetime):
        # Its own class of datetime carries its text along.
        return datetime.combine(value.date(), value.timetz())
    return value


def version_of(row: Any) -> str:
    """Return the version of a row that was read."""
    return str(row.metadata["etag"])
