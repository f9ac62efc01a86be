"""
Dead letters in blobs: for each log blob an append blob of JSON lines, a line for each line that could not be read.

    {"account":…,"container":…,"blob":…,"offset":…,"reason":…,"raw":"(base64)"}
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import StorageErrorCode
from azure.storage.blob.aio import BlobClient, BlobServiceClient

from shared.adapters.table_service import storage_errors
from shared.domain.logs.reading import DeadLetter, LogBlob
from shared.domain.logs.wire import MAX_LINE_BYTES

CONTAINER = "aoai-ledger-deadletters"

# What every version of the service takes in one block.
# https://learn.microsoft.com/rest/api/storageservices/append-block#remarks
_MAX_BLOCK_BYTES = 4 * 1024 * 1024
_MAX_NAME_LENGTH = 1024
_SUFFIX = ".jsonl"


class BlobDeadLetters:
    """Fulfils DeadLetters. The client is the bootstrap's, to open and to close."""

    def __init__(self, service: BlobServiceClient) -> None:
        self._service = service

    async def keep(self, blob: LogBlob, letters: Sequence[DeadLetter], length: int) -> int:
        """
        Make dead letters durable, each once, and return how long they are now; see DeadLetters.

        A block is appended only where the blob is as long as we think. Where it is longer, what stands
        behind is read, and only what is missing is appended.

        Raises:
            StorageUnavailable, StorageRejected
        """
        client = self._service.get_blob_client(CONTAINER, _name(blob))
        with storage_errors("keeping dead letters"):
            for block in _blocks(_encode(blob, letter) for letter in letters):
                length = await self._append_missing(client, block, length)
        return length

    async def _append_missing(self, client: BlobClient, lines: Sequence[bytes], length: int) -> int:
        while not await _append(client, b"".join(lines), length):
            await self._create(client)
            behind, length = await _behind(client, length)
            there = set(behind.splitlines(keepends=True))
            lines = [line for line in lines if line not in there]
            if not lines:
                return length
        return length + sum(map(len, lines))

    async def _create(self, client: BlobClient) -> None:
        """Make the blob, and the container, where they are not there."""
        try:
            await client.create_append_blob(match_condition=MatchConditions.IfMissing)
        except ResourceExistsError:
            return
        except ResourceNotFoundError:
            await self._create_container()
            await self._create(client)

    async def _create_container(self) -> None:
        try:
            await self._service.create_container(CONTAINER)
        except ResourceExistsError:
            # Another reader was quicker.
            return


async def _append(client: BlobClient, block: bytes, length: int) -> bool:
    """Append to a blob of this length; return False where it has another, or is not there."""
    try:
        # A stream: aiohttp warns of bytes this many, for they are sent at one go.
        await client.append_block(io.BytesIO(block), length=len(block), appendpos_condition=length)
    except ResourceNotFoundError:
        return False
    except HttpResponseError as error:
        if getattr(error, "error_code", None) != StorageErrorCode.APPEND_POSITION_CONDITION_NOT_MET:
            raise
        return False
    return True


async def _behind(client: BlobClient, length: int) -> tuple[bytes, int]:
    """Return what stands behind `length`, and how long all is: shorter, where somebody has tidied up."""
    size: int = (await client.get_blob_properties()).size
    if size <= length:
        return b"", size
    return await (await client.download_blob(length, size - length)).readall(), size


def _blocks(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    block: list[bytes] = []
    size = 0
    for line in lines:
        if block and size + len(line) > _MAX_BLOCK_BYTES:
            yield block
            block, size = [], 0
        block.append(line)
        size += len(line)
    if block:
        yield block


def _encode(blob: LogBlob, letter: DeadLetter) -> bytes:
    line = {
        "account": blob.account,
        "container": blob.container,
        "blob": blob.name,
        "offset": letter.line.offset,
        "reason": letter.reason,
        # Of a message as of a line: a block must hold it, and no message that is too long may come for ever.
        "raw": base64.b64encode(letter.line.data[: MAX_LINE_BYTES + 1]).decode(),
    }
    return msgspec.json.encode(line) + b"\n"


def _name(blob: LogBlob) -> str:
    name = f"{blob.account}/{blob.container}/{blob.name.lstrip('/')}"
    if len(name) + len(_SUFFIX) <= _MAX_NAME_LENGTH:
        return name + _SUFFIX
    return f"{blob.account}/{blob.container}/{hashlib.sha256(blob.name.encode()).hexdigest()}{_SUFFIX}"
