"""Gateway keys in the table `keys`: one row a key, none of which can be used to call.

| column | type | what |
| --- | --- | --- |
| PartitionKey | string | the first 2 letters of the hash, so that finds spread over 256 partitions |
| RowKey | string | the SHA-256 of the key, as hex; its first 12 letters are the key's id |
| tenant_id, object_id, principal_kind | string | the principal the key proves |
| app_id, principal_name | string | what else is known of the principal; no column where nothing is |
| roles | string | its roles, a JSON array |
| issued_at | datetime | UTC, as all times |
| expires_at, revoked_at | datetime | no column where it does not expire, or is not revoked |
| last_used_at | datetime | at most an hour behind; no column before the first use |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.data.tables import UpdateMode
from azure.data.tables.aio import TableClient

from shared.adapters.table_service import storage_errors
from shared.domain.errors import PrincipalNotProved, StorageRejected
from shared.domain.gateway_key import GatewayKey, key_id
from shared.domain.principal import Principal, PrincipalKind

TABLE = "keys"


class TableGatewayKeys:
    """
    Fulfils GatewayKeys. The table is made by the first write; before that there are no keys.

    The client is the bootstrap's, to open and to close.
    """

    def __init__(self, table: TableClient) -> None:
        self._table = table

    async def find(self, key_hash: str) -> GatewayKey | None:
        """Return the key with this hash. Raises StorageError."""
        with storage_errors("reading a gateway key"):
            try:
                return _key(await self._table.get_entity(_partition(key_hash), key_hash))
            except ResourceNotFoundError:
                return None

    async def put(self, key: GatewayKey) -> None:
        """Keep a key, or keep it changed. Raises StorageError."""
        with storage_errors("writing a gateway key"):
            try:
                await self._replace(key)
            except ResourceNotFoundError:
                await self._create_table()
                await self._replace(key)

    async def mark_used(self, key_hash: str, used_at: datetime) -> None:
        """Keep when a key was last used, and change nothing else of it. Raises StorageError."""
        entity = {"PartitionKey": _partition(key_hash), "RowKey": key_hash, "last_used_at": used_at}
        with storage_errors("writing the last use of a gateway key"):
            # A merge: a key revoked since we read it must stay revoked.
            await self._table.update_entity(entity, mode=UpdateMode.MERGE)

    async def all(self) -> Sequence[GatewayKey]:
        """Return every key, oldest first. Raises StorageError."""
        with storage_errors("listing gateway keys"):
            try:
                keys = [_key(entity) async for entity in self._table.list_entities()]
            except ResourceNotFoundError:
                return []
        return sorted(keys, key=lambda key: key.issued_at)

    async def _replace(self, key: GatewayKey) -> None:
        await self._table.upsert_entity(key_entity(key), mode=UpdateMode.REPLACE)

    async def _create_table(self) -> None:
        try:
            await self._table.create_table()
        except ResourceExistsError:
            # Somebody else made it between our two requests.
            return


def _partition(key_hash: str) -> str:
    return key_hash[:2]


def key_entity(key: GatewayKey) -> dict[str, Any]:
    """Return the row of a key."""
    principal = key.principal
    columns = {
        "PartitionKey": _partition(key.key_hash),
        "RowKey": key.key_hash,
        "tenant_id": principal.tenant_id,
        "object_id": principal.object_id,
        "principal_kind": principal.kind.value,
        "app_id": principal.app_id,
        "principal_name": principal.name,
        "roles": msgspec.json.encode(sorted(principal.roles)).decode(),
        "issued_at": key.issued_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
    }
    return {name: value for name, value in columns.items() if value is not None}


def _key(entity: Mapping[str, Any]) -> GatewayKey:
    key_hash = entity["RowKey"]
    try:
        return GatewayKey(
            key_hash=key_hash,
            principal=_principal(entity, key_hash),
            issued_at=_plain(entity["issued_at"]),
            expires_at=_time(entity, "expires_at"),
            revoked_at=_time(entity, "revoked_at"),
            last_used_at=_time(entity, "last_used_at"),
        )
    except (KeyError, ValueError, PrincipalNotProved) as error:
        raise StorageRejected(f"the row of gateway key {key_id(key_hash)} is not one we wrote") from error


def _time(entity: Mapping[str, Any], name: str) -> datetime | None:
    return _plain(entity[name]) if name in entity else None


def _plain(value: Any) -> datetime:
    if not isinstance(value, datetime):
        raise ValueError("not a time")  # noqa: TRY004 - a wrong row, not a wrong call
    # The SDK's times are of a class of its own, which encoders of JSON do not know.
    return datetime.combine(value.date(), value.timetz())


def _principal(entity: Mapping[str, Any], key_hash: str) -> Principal:
    return Principal(
        tenant_id=entity["tenant_id"],
        object_id=entity["object_id"],
        kind=PrincipalKind(entity["principal_kind"]),
        app_id=entity.get("app_id"),
        name=entity.get("principal_name"),
        roles=frozenset(msgspec.json.decode(entity["roles"], type=list[str])),
        key_id=key_id(key_hash),
    )
