"""Turns rows into the bytes of a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from shared.domain.table_columns import Column, Rows


class TableEncoder(Protocol):
    """Writes one file. The bytes of all calls, in their order, are the file."""

    def add(self, rows: Rows) -> bytes:
        """Take rows, and return what of the file is ready: it may be nothing."""
        ...

    def finish(self) -> bytes:
        """Return the rest of the file. A file of no rows is one that says its columns."""
        ...


class TableFormat(Protocol):
    """A format of files. The same rows in the same order always make the same file, however they are cut."""

    @property
    def suffix(self) -> str:
        """What ends the name of such a file, as `.csv`."""
        ...

    @property
    def media_type(self) -> str:
        """What HTTP calls it."""
        ...

    def begin(self, columns: Sequence[Column]) -> TableEncoder:
        """Return what writes a file of these columns."""
        ...
