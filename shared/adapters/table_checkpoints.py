"""Checkpoints in the table `checkpoints`, with Microsoft's own client: a row for each log blob that is read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.data.tables import EdmType, EntityProperty, UpdateMode
from azure.data.tables.aio import TableClient

from shared.adapters.table_service import storage_errors
from shared.domain.logs.blob_name import hour_of
from shared.domain.logs.reading import Checkpoint, LogBlob
from shared.domain.table_entity import storable_text

TABLE = "checkpoints"

_HOUR = "%Y%m%dT%H"
# Of blobs whose name has no hour; it sorts before all that have one.
_NO_HOUR = "-"
# As many hexadecimal digits: no two blobs of a container share them.
_HASH_LENGTH = 32
_MAX_NAME_LENGTH = 1024
_COUNTS = ("offset", "lines", "seam_bytes", "dead_letter_bytes")


class TableCheckpoints:
    """Fulfils Checkpoints. The client is the bootstrap's, to open and to close."""

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def get(self, blob: LogBlob) -> Checkpoint:
        """
        Return the checkpoint, one of nothing read where there is none.

        Raises:
            StorageUnavailable, StorageRejected
        """
        with storage_errors("reading a checkpoint"):
            try:
                return _checkpoint(await self._table.get_entity(*_keys(blob)))
            except ResourceNotFoundError:
                return Checkpoint()

    async def of_container(self, account: str, container: str, since: datetime) -> Mapping[str, Checkpoint]:
        """
        Return, by name, those of blobs of hours from `since` on.

        Raises:
            StorageUnavailable, StorageRejected
        """
        parameters = {"partition": _partition(account, container), "first": since.strftime(_HOUR)}
        rows = self._table.query_entities("PartitionKey eq @partition and RowKey ge @first", parameters=parameters)
        with storage_errors("reading checkpoints"):
            try:
                return {row["blob"]: _checkpoint(row) async for row in rows}
            except ResourceNotFoundError:
                return {}

    async def advance(self, blob: LogBlob, checkpoint: Checkpoint) -> Checkpoint | None:
        """
        Keep a checkpoint in place of the one it was made from; None where another reader was here meanwhile.

        Raises:
            StorageUnavailable, StorageRejected
        """
        entity = checkpoint_entity(blob, checkpoint)
        with storage_errors("moving a checkpoint"):
            try:
                written = await (self._update(entity, checkpoint.version) if checkpoint.version else self._add(entity))
            except (ResourceExistsError, ResourceModifiedError, ResourceNotFoundError):
                # Gone, too: somebody wants the blob read from its beginning.
                return None
        return replace(checkpoint, version=written["etag"])

    async def _update(self, entity: Mapping[str, Any], version: str) -> Mapping[str, Any]:
        return await self._table.update_entity(
            entity, mode=UpdateMode.REPLACE, etag=version, match_condition=MatchConditions.IfNotModified
        )

    async def _add(self, entity: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return await self._table.create_entity(entity)
        except ResourceNotFoundError:
            await self._create_table()
            return await self._table.create_entity(entity)

    async def _create_table(self) -> None:
        try:
            await self._table.create_table()
        except ResourceExistsError:
            # Somebody else made it between our two requests.
            return


def checkpoint_entity(blob: LogBlob, checkpoint: Checkpoint) -> dict[str, Any]:
    """Return a checkpoint as a row."""
    partition_key, row_key = _keys(blob)
    counts = {name: EntityProperty(getattr(checkpoint, name), EdmType.INT64) for name in _COUNTS}
    return {
        "PartitionKey": partition_key,
        "RowKey": row_key,
        "blob": storable_text(blob.name, _MAX_NAME_LENGTH),
        **counts,
        "seam_hash": checkpoint.seam_hash,
        "etag": checkpoint.etag,
    }


def _checkpoint(row: Any) -> Checkpoint:
    counts = {name: row[name].value for name in _COUNTS}
    return Checkpoint(**counts, seam_hash=row["seam_hash"], etag=row["etag"], version=row.metadata["etag"])


def _keys(blob: LogBlob) -> tuple[str, str]:
    hour = hour_of(blob.name)
    text = hour.strftime(_HOUR) if hour else _NO_HOUR
    digest = hashlib.sha256(blob.name.encode("utf-8", "surrogateescape")).hexdigest()[:_HASH_LENGTH]
    return _partition(blob.account, blob.container), f"{text}_{digest}"


def _partition(account: str, container: str) -> str:
    return f"{account}_{container}"
