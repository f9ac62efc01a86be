"""The spool on disk: what survives a kill, who may read it, and what happens when the disk does not play along."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path

import pytest

from shared.adapters import disk_spool
from shared.adapters.disk_spool import DiskSpool
from shared.domain.errors import StorageUnavailable
from shared.domain.usage_record import UsageRecord
from shared.ports.spool import SpooledCall
from tests.adapters.records import open_call, record

REPOSITORY = Path(__file__).parents[2]
BLOCK = 4096
ROOMY = 1_000_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool" / "contoso"


@pytest.fixture
def spool(folder: Path) -> DiskSpool:
    return DiskSpool(folder, max_bytes=ROOMY)


async def due(spool: DiskSpool) -> list[SpooledCall]:
    return [spooled async for group in spool.due() for spooled in group]


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix == ".json")


async def test_nothing_is_on_disk_until_there_is_something_to_keep(spool: DiskSpool, folder: Path) -> None:
    """Nearly every worker lives and dies without it."""
    await due(spool)
    await spool.drop("c1")
    await spool.close()

    assert not folder.parent.exists()


async def test_nothing_is_left_when_all_is_recorded(spool: DiskSpool, folder: Path) -> None:
    """Or folders would gather as workers come and go."""
    await spool.keep(record("c1"))
    for spooled in await due(spool):
        await spool.remove(spooled)
    await spool.close()

    assert list(folder.iterdir()) == []


async def test_nobody_else_on_the_machine_may_read_or_write_it(spool: DiskSpool, folder: Path) -> None:
    """It says who calls; and a file of somebody else would be a call that was never made."""
    before = os.umask(0)
    try:
        await spool.keep(record("c1"))
        await spool.set_aside(record("c2"))
    finally:
        os.umask(before)
    modes = {path.stat().st_mode & 0o777 for path in (folder, *folder.rglob("*")) if path.is_dir()}

    assert modes == {0o700}
    assert {path.stat().st_mode & 0o777 for path in files(folder)} == {0o600}


@pytest.mark.parametrize("mode", [0o777, 0o750, 0o701])
async def test_a_folder_that_others_may_enter_is_not_used(spool: DiskSpool, folder: Path, mode: int) -> None:
    """Somebody may have made it before us, in the folder of temporary files that all share."""
    folder.mkdir(parents=True)
    folder.chmod(mode)

    with pytest.raises(StorageUnavailable, match="ours alone"):
        await spool.keep(record("c1"))
    with pytest.raises(StorageUnavailable, match="ours alone"):
        await due(spool)


async def test_a_link_is_not_followed(spool: DiskSpool, folder: Path, tmp_path: Path) -> None:
    """It leads where somebody else wants our files."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    folder.parent.mkdir(parents=True)
    folder.symlink_to(elsewhere)

    with pytest.raises(StorageUnavailable):
        await spool.keep(record("c1"))
    assert list(elsewhere.iterdir()) == []


async def test_a_call_id_cannot_name_a_file_elsewhere(spool: DiskSpool, folder: Path, tmp_path: Path) -> None:
    """Ids are ours, but what is read back from disk is only believed to be."""
    await spool.keep(record("../../../c1"))
    await spool.set_aside(record("../../../c2"))

    assert [spooled.entry for spooled in await due(spool)] == [record("../../../c1")]
    assert all(folder in path.parents for path in files(tmp_path))
    assert len(files(folder)) == 2


async def test_a_full_spool_takes_no_call_more(folder: Path) -> None:
    """It must not fill the disk that the whole machine works on."""
    spool = DiskSpool(folder, max_bytes=3 * BLOCK)
    for number in range(3):
        await spool.keep(open_call(f"c{number}"))

    with pytest.raises(StorageUnavailable, match="full"):
        await spool.keep(open_call("c3"))
    with pytest.raises(StorageUnavailable, match="full"):
        await spool.keep(record("c4"))


async def test_who_was_let_in_has_room_for_its_end(folder: Path) -> None:
    """The call is paid for by then."""
    spool = DiskSpool(folder, max_bytes=3 * BLOCK)
    for number in range(3):
        await spool.keep(open_call(f"c{number}"))
    for number in range(3):
        await spool.keep(record(f"c{number}"))

    assert len(await due(spool)) == 3


async def test_what_is_recorded_makes_room(folder: Path) -> None:
    """Also when it was dropped."""
    spool = DiskSpool(folder, max_bytes=2 * BLOCK)
    for number in range(10):
        await spool.keep(open_call(f"a{number}"))
        await spool.drop(f"a{number}")
        await spool.keep(record(f"b{number}"))
        for spooled in await due(spool):
            await spool.remove(spooled)

    await spool.keep(record("c1"))
    await spool.keep(record("c2"))
    with pytest.raises(StorageUnavailable, match="full"):
        await spool.keep(record("c3"))


async def test_what_others_left_behind_takes_room_too(folder: Path) -> None:
    """A worker that dies again and again while storage is down must not fill the disk either."""
    for number in range(2):
        await DiskSpool(folder, max_bytes=ROOMY).keep(record(f"c{number}"))
    spool = DiskSpool(folder, max_bytes=3 * BLOCK)
    await spool.keep(record("c2"))
    with pytest.raises(StorageUnavailable, match="full"):
        await spool.keep(record("c3"))


async def test_a_disk_that_fails_is_as_good_as_down(spool: DiskSpool, folder: Path) -> None:
    """Here a file stands where the folder should be."""
    folder.parent.mkdir(parents=True)
    folder.write_text("")
    for work in (spool.keep(record("c1")), spool.keep(open_call("c2")), spool.set_aside(record("c3"))):
        with pytest.raises(StorageUnavailable, match="spool"):
            await work


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
async def test_a_folder_that_cannot_be_written_is_as_good_as_down(tmp_path: Path) -> None:
    """A read-only file system, as some containers have."""
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StorageUnavailable):
            await DiskSpool(tmp_path / "spool", max_bytes=ROOMY).keep(record("c1"))
    finally:
        tmp_path.chmod(0o700)


async def test_a_disk_that_is_full_leaves_no_half_a_file(
    spool: DiskSpool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what it held of the room is free again when the disk is."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        for _ in range(3):
            with pytest.raises(StorageUnavailable, match="No space left"):
                await spool.keep(record("c1"))

    assert files(folder) == []
    assert await due(spool) == []
    assert spool._bytes == 0
    await spool.keep(record("c1"))
    assert len(await due(spool)) == 1


async def test_a_failed_end_leaves_the_beginning(spool: DiskSpool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Better a call that is known to have begun than none."""
    await spool.keep(open_call("c1"))

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StorageUnavailable):
            await spool.keep(record("c1"))
    await spool.close()

    assert [spooled.entry for spooled in await due(DiskSpool(spool._folder, max_bytes=ROOMY))] == [open_call("c1")]


async def test_a_folder_that_was_tidied_away_is_made_anew(spool: DiskSpool, folder: Path) -> None:
    """Machines clear their temporary files of what is old, and a worker lives for weeks."""
    await spool.keep(record("c1"))
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()
    assert await due(spool) == []
    await spool.keep(record("c2"))

    assert [spooled.entry for spooled in await due(spool)] == [record("c2")]


async def test_a_file_that_cannot_be_read_is_set_aside_and_holds_up_no_other(
    spool: DiskSpool, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of another version of ours, or damaged; its words may be a caller's, so they are not logged."""
    await spool.keep(record("c1"))
    await spool.keep(record("c2"))
    damaged = files(folder)[0]
    damaged.write_text('{"ended": "team-7')
    with caplog.at_level(logging.WARNING):
        found = [spooled.entry for spooled in await due(spool)]
        await due(spool)

    assert found == [record("c2")]
    assert (folder / "rejected" / damaged.name).exists()
    assert [each.message for each in caplog.records] == ["spool.file_unreadable"]
    assert "team-7" not in str(caplog.records[0].__dict__)


async def test_what_is_set_aside_is_bounded(folder: Path) -> None:
    """If storage refuses every row, the disk must not pay; the newest tell most."""
    spool = DiskSpool(folder, max_bytes=ROOMY, max_rejected=3)
    for number in range(6):
        await spool.set_aside(record(f"c{number}"))
        # The clock of a file system is coarse.
        os.utime(folder / "rejected" / f"c{number}.json", ns=(number, number))

    assert [path.name for path in files(folder)] == ["c3.json", "c4.json", "c5.json"]


async def test_stray_files_hold_up_nothing(spool: DiskSpool, folder: Path) -> None:
    """People look into folders, and their tools leave things there."""
    await spool.keep(record("c1"))
    (folder / "notes.txt").write_text("")
    (folder / ".hidden").mkdir()
    await spool.close()

    assert [spooled.entry for spooled in await due(DiskSpool(folder, max_bytes=ROOMY))] == [record("c1")]


async def test_what_a_live_process_keeps_is_its_own(folder: Path) -> None:
    """Its calls are under way, and it drains the others itself."""
    live, other = (DiskSpool(folder, max_bytes=ROOMY) for _ in range(2))
    await live.keep(open_call("c1"))
    await live.keep(record("c2"))

    assert await due(other) == []
    assert [spooled.entry for spooled in await due(live)] == [record("c2")]


async def test_two_that_drain_the_same_folder_do_no_harm(folder: Path) -> None:
    """One holds it; the other comes later, to what is left."""
    gone = DiskSpool(folder, max_bytes=ROOMY)
    await asyncio.gather(*(gone.keep(record(f"c{number}")) for number in range(250)))
    await gone.close()
    first, second = (DiskSpool(folder, max_bytes=ROOMY) for _ in range(2))
    async with aclosing(first.due()) as groups:
        async for group in groups:
            assert await due(second) == []
            for spooled in group:
                await first.remove(spooled)
            break
    rest = await due(second)
    for spooled in rest:
        # Removed by one, it may be removed again by the other.
        await first.remove(spooled)
        await second.remove(spooled)

    assert len(rest) == 150
    assert await due(first) == []
    assert list(folder.iterdir()) == []


async def test_after_it_is_closed_it_keeps_nothing(spool: DiskSpool) -> None:
    """Its folder is others' by then."""
    await spool.close()
    with pytest.raises(StorageUnavailable, match="closed"):
        await spool.keep(record("c1"))


async def test_a_killed_process_loses_nothing_that_it_said_was_kept(folder: Path) -> None:
    """SIGKILL, at five instants of its life: whatever it printed is there, begun or ended, and whole."""
    for round_ in range(5):
        printed = await asyncio.to_thread(_run_and_kill, folder, 10 + 17 * round_)
        spool = DiskSpool(folder, max_bytes=ROOMY)
        found = {_id(spooled): isinstance(spooled.entry, UsageRecord) for spooled in await due(spool)}
        for line in printed:
            step, call_id = line.split()
            assert call_id in found
            assert found[call_id] or step == "begun"
        for spooled in await due(spool):
            await spool.remove(spooled)
        await due(spool)

        assert [path for path in folder.iterdir() if not path.name.startswith(".")] == []


def _run_and_kill(folder: Path, lines: int) -> list[str]:
    command = [sys.executable, "-m", "tests.adapters.spool_process", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)
    assert process.stdout is not None
    printed = [process.stdout.readline() for _ in range(lines)]
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate()
    # The last line may be cut.
    return [line.strip() for line in (*printed, *rest.splitlines(keepends=True)) if line.endswith("\n")]


def _id(spooled: SpooledCall) -> str:
    entry = spooled.entry
    return entry.call.call_id if isinstance(entry, UsageRecord) else entry.call_id


async def test_reading_goes_by_groups(spool: DiskSpool, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour of calls does not fit the memory of a small instance."""
    monkeypatch.setattr(disk_spool, "_GROUP", 4)
    await asyncio.gather(*(spool.keep(record(f"c{number}")) for number in range(10)))

    assert [len(group) async for group in spool.due()] == [4, 4, 2]
