"""Exported files, wherever they are kept: whole or not there, and never an older one over a newer."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob.aio import BlobServiceClient

from local.azurite import Azurite
from shared.adapters.blob_export_files import BlobExportFiles
from shared.adapters.blob_service import blob_service
from shared.adapters.folder_export_files import FolderExportFiles
from shared.adapters.table_service import StorageSettings
from shared.domain.errors import StorageRejected
from shared.domain.exports import FileFacts
from shared.ports.export_files import ExportFiles
from tests.fakes_exports import FakeExportFiles

NAME = "usage/day=2026-11-23/part-00000.parquet"
MEDIA_TYPE = "application/vnd.apache.parquet"


@dataclass(frozen=True, slots=True)
class Place:
    """Where files are kept, and what a reader finds there: the bytes, None where there is no file."""

    files: ExportFiles
    read: Callable[[], Awaitable[bytes | None]]


def facts(sha256: str = "a" * 64) -> FileFacts:
    return FileFacts(rows=3, sha256=sha256)


@pytest.fixture
async def blobs(azurite: Azurite) -> AsyncIterator[BlobServiceClient]:
    async with blob_service(StorageSettings(connection_string=azurite.connection_string)) as service:
        yield service


@pytest.fixture
def container() -> str:
    return f"exports-{uuid.uuid4().hex[:12]}"


def in_blobs(service: BlobServiceClient, container: str) -> Place:
    async def read() -> bytes | None:
        try:
            return await (await service.get_blob_client(container, NAME).download_blob()).readall()
        except ResourceNotFoundError:
            return None

    return Place(BlobExportFiles(service, container), read)


def in_memory() -> Place:
    files = FakeExportFiles()

    async def read() -> bytes | None:
        return files.files[NAME][0] if NAME in files.files else None

    return Place(files, read)


def in_folder(folder: Path) -> Place:
    async def read() -> bytes | None:
        path = folder / NAME
        return path.read_bytes() if path.exists() else None

    return Place(FolderExportFiles(folder), read)


@pytest.fixture(params=["blobs", "folder", "fake"])
def place(request: pytest.FixtureRequest, blobs: BlobServiceClient, container: str, tmp_path: Path) -> Place:
    made = {"blobs": lambda: in_blobs(blobs, container), "folder": lambda: in_folder(tmp_path), "fake": in_memory}
    return made[request.param]()


@pytest.fixture(params=["blobs", "fake"])
def shared_place(request: pytest.FixtureRequest, blobs: BlobServiceClient, container: str) -> Place:
    """One that several exporters may write to."""
    return in_blobs(blobs, container) if request.param == "blobs" else in_memory()


async def put(place: Place, *parts: bytes, sha256: str = "a" * 64) -> bool:
    file = await place.files.begin(NAME, MEDIA_TYPE)
    for part in parts:
        await file.write(part)
    committed = await file.commit(facts(sha256))
    await file.abandon()
    return committed


async def test_a_file_is_its_parts_in_their_order(place: Place) -> None:
    """A file is sent in parts, for it may be larger than memory."""
    assert await put(place, b"one,", b"two,", b"two,", b"three")
    assert await place.read() == b"one,two,two,three"


async def test_a_file_of_nothing_is_a_file(place: Place) -> None:
    """Of some formats a day without calls is no bytes."""
    assert await put(place)
    assert await place.read() == b""


async def test_nobody_sees_a_file_before_it_is_whole(place: Place) -> None:
    """A reader that comes in between would sum half a day, and not know it."""
    file = await place.files.begin(NAME, MEDIA_TYPE)
    await file.write(b"half")
    seen = await place.read()
    await file.abandon()

    assert seen is None
    assert await place.read() is None


async def test_one_that_is_left_half_way_leaves_what_was_there(place: Place) -> None:
    """A worker is killed at any line; yesterday's file is better than none, and the next run must not trip over it."""
    await put(place, b"yesterday's")
    killed = await place.files.begin(NAME, MEDIA_TYPE)
    await killed.write(b"half")
    seen = await place.read()
    done = await put(place, b"today's")
    # Only so that the test closes what it opened: who is killed does not.
    await killed.abandon()

    assert seen == b"yesterday's"
    assert done
    assert await place.read() == b"today's"


async def test_a_file_knows_what_it_would_replace(shared_place: Place) -> None:
    """A file that has not changed is not written again: whoever is told of new ones would take it in twice."""
    first = await shared_place.files.begin(NAME, MEDIA_TYPE)
    await put(shared_place, b"x", sha256="b" * 64)
    second = await shared_place.files.begin(NAME, MEDIA_TYPE)

    assert first.replaced_sha256 is None
    assert second.replaced_sha256 == "b" * 64


async def test_who_began_before_another_ended_does_not_replace_it(shared_place: Place) -> None:
    """It read the ledger earlier: its file may lack a late record that the other's has."""
    stale = await shared_place.files.begin(NAME, MEDIA_TYPE)
    await stale.write(b"stale")
    fresh = await put(shared_place, b"fresh")
    stale_again = await shared_place.files.begin(NAME, MEDIA_TYPE)
    await put(shared_place, b"fresher")
    await stale_again.write(b"stale")

    assert fresh
    assert not await stale.commit(facts())
    assert not await stale_again.commit(facts())
    assert await shared_place.read() == b"fresher"


async def test_two_who_send_the_same_file_do_not_spoil_it(shared_place: Place) -> None:
    """The blocks of one are dropped when the other commits; a block of theirs in our file would be a torn one."""
    one = await shared_place.files.begin(NAME, MEDIA_TYPE)
    other = await shared_place.files.begin(NAME, MEDIA_TYPE)
    for part in (b"first,", b"second"):
        await one.write(part)
        await other.write(part)
    committed = [await one.commit(facts()), await other.commit(facts())]

    assert committed == [True, False]
    assert await shared_place.read() == b"first,second"


async def test_a_blob_says_what_it_is(blobs: BlobServiceClient, container: str) -> None:
    """Rows and hash are beside a file, so that a pipeline can check what it took in."""
    place = in_blobs(blobs, container)
    await put(place, b"x")
    properties = await blobs.get_blob_client(container, NAME).get_blob_properties()

    assert properties.content_settings.content_type == MEDIA_TYPE
    assert properties.metadata == {"rows": "3", "sha256": "a" * 64, "unpriced_calls": "0"}


async def test_a_block_that_somebody_else_dropped_is_no_error(blobs: BlobServiceClient, container: str) -> None:
    """Whoever commits drops what others have sent: then it is theirs that counts."""
    place = in_blobs(blobs, container)
    await put(place, b"x")
    file = await place.files.begin(NAME, MEDIA_TYPE)
    await file.write(b"ours")
    # As the service does where two writers race: the blob as it was, without our block.
    client = blobs.get_blob_client(container, NAME)
    await client.upload_blob(b"theirs", overwrite=True)

    assert not await file.commit(facts())


async def test_a_folder_that_cannot_be_written_is_an_error_that_names_it(tmp_path: Path) -> None:
    """The operator mistyped a path."""
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageRejected, match="file"):
        await FolderExportFiles(tmp_path / "file").begin(NAME, MEDIA_TYPE)


async def test_a_folder_holds_no_half_files_that_readers_would_take(tmp_path: Path) -> None:
    """DuckDB reads `*.parquet` of a folder while we write."""
    file = await FolderExportFiles(tmp_path).begin(NAME, MEDIA_TYPE)
    await file.write(b"half")
    visible = [path for path in tmp_path.rglob("*.parquet") if path.is_file() and not path.name.startswith(".")]
    await file.abandon()

    assert visible == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
