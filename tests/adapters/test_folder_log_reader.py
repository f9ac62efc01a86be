"""Files of log lines on this machine, as if they were blobs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shared.adapters.folder_log_reader import FolderLogReader
from shared.domain.errors import StorageRejected
from shared.domain.logs.reading import ListedBlob


async def listed(path: Path) -> list[ListedBlob]:
    return [each async for each in FolderLogReader().under("", str(path))]


async def test_a_folder_is_its_files_of_lines_by_path(tmp_path: Path) -> None:
    """However deep, and none that is something else."""
    for name in ("b/PT1H.json", "a/deep/down/x.JSONL", "a/picture.png", "top.log"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    found = [Path(each.blob.name).relative_to(tmp_path.resolve()).as_posix() for each in await listed(tmp_path)]

    assert found == ["a/deep/down/x.JSONL", "b/PT1H.json", "top.log"]


async def test_a_file_is_read_by_ranges_and_has_another_version_when_it_changes(tmp_path: Path) -> None:
    """What the version is good for is to see that there is nothing new."""
    file = tmp_path / "anything"
    file.write_bytes(b"0123456789")
    (before,) = await listed(file)
    found = [await FolderLogReader().read(before.blob, offset, 4) for offset in (0, 8, 99)]
    file.write_bytes(b"01234567890")
    (after,) = await listed(file)

    assert [(each.data, each.size, each.etag) for each in found if each] == [
        (b"0123", 10, before.etag),
        (b"89", 10, before.etag),
        (b"", 10, before.etag),
    ]
    assert before.etag != after.etag
    assert before.blob == after.blob


async def test_a_file_that_is_gone_is_none(tmp_path: Path) -> None:
    """As a blob that a lifecycle rule took away while others were read."""
    file = tmp_path / "x.json"
    file.write_bytes(b"x")
    (found,) = await listed(file)
    file.unlink()

    assert await FolderLogReader().read(found.blob, 0, 4) is None


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
async def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    """Permission is what people forget; the message says of which file."""
    file = tmp_path / "x.json"
    file.write_bytes(b"x")
    (found,) = await listed(file)
    file.chmod(0)

    with pytest.raises(StorageRejected, match=r"x\.json cannot be read: Permission denied"):
        await FolderLogReader().read(found.blob, 0, 4)


async def test_a_path_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    """A typing error is no empty folder."""
    with pytest.raises(StorageRejected, match="nowhere cannot be read: No such file or directory"):
        await listed(tmp_path / "nowhere")
