"""A folder of files that belongs to one process at a time, and to whoever comes first once that is gone."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
import uuid
from pathlib import Path

_LOCK = ".lock"
# A file may be longer than it says by what the disk gives out at a time.
_BLOCK_BYTES = 4096
# Other users of the machine may not read who calls, nor write us calls that were never made.
_PRIVATE = 0o700


class SpoolFolder:
    """
    A folder whose lock this process holds. Blocking: call it in a thread.

    The system takes the lock away when the process ends, however it does (flock); names that begin
    with a dot are ours and hold no call.
    """

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def new(cls, parent: Path) -> SpoolFolder:
        """Return a new folder in `parent`. Raises OSError."""
        # It has its lock before it has its name, so that nobody takes it for one that was left behind.
        unnamed = Path(tempfile.mkdtemp(prefix=".", dir=parent))
        lock = _open_lock(unnamed)
        fcntl.flock(lock, fcntl.LOCK_EX)
        return cls(unnamed.rename(parent / uuid.uuid4().hex), lock)

    @classmethod
    def claim(cls, path: Path) -> SpoolFolder | None:
        """Return a folder that another process has left behind, None while that lives. Raises OSError."""
        try:
            lock = _open_lock(path)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        return cls(path, lock)

    def files(self) -> list[Path]:
        """Return the files of calls. Raises OSError."""
        return calls_in(self.path)

    def release(self) -> None:
        """Leave the folder to others, or take it away if it holds no call. Never raises."""
        # What cannot be taken away now, whoever looks at it next will.
        with contextlib.suppress(OSError):
            if not self.files():
                for path in self.path.iterdir():
                    path.unlink()
                self.path.rmdir()
        os.close(self._lock)


def calls_in(folder: Path) -> list[Path]:
    """Return the files of calls in a folder, none where it is gone. Raises OSError."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except FileNotFoundError:
        return []


def size_of(folder: Path) -> int:
    """Return what the files of calls in a folder take of the disk. Raises OSError."""
    # One that goes meanwhile takes nothing.
    return sum(bytes_on_disk(path.stat().st_size) for path in calls_in(folder) if path.exists())


def bytes_on_disk(size: int) -> int:
    """Return what a file of this size takes of the disk."""
    return -(-size // _BLOCK_BYTES) * _BLOCK_BYTES


def make_private(folder: Path) -> None:
    """Make a folder for us alone where there is none. Raises OSError, also where it is not ours alone."""
    folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    check_private(folder)


def check_private(folder: Path) -> None:
    """Do nothing for a folder that is ours alone. Raises PermissionError."""
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & ~_PRIVATE:
        raise PermissionError("it is not a folder of ours alone")


def write_durably(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all, in place of the one there may be. Raises OSError."""
    number, temporary = tempfile.mkstemp(prefix=".", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(number)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _sync(folder: Path) -> None:
    # Else the new name may be forgotten when the machine loses power.
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _open_lock(folder: Path) -> int:
    return os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
