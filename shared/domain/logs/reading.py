"""How far a log blob has been read, and what came of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from enum import StrEnum

# Some lines: among them are times and ids that no other blob has in the same place.
SEAM_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class LogBlob:
    """Which blob: `container` and `name` as in its URL. A local file has a container that no account has."""

    account: str
    container: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedBlob:
    """A blob as it was when it was listed."""

    blob: LogBlob
    size: int
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobRange:
    """Bytes of a blob, with the blob's length and ETag when they were read. Behind its end there are none."""

    data: bytes
    size: int
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """
    How far a blob has been read: all before `offset` is stored.

    The seam is what stands just before the offset, as a hash. Where it is another, the blob was not
    appended to but written anew.
    """

    offset: int = 0
    lines: int = 0
    seam_bytes: int = 0
    seam_hash: str = ""
    etag: str = ""  # the blob's when it was read to its end, or empty
    dead_letter_bytes: int = 0  # the length of its dead letters
    version: str = ""  # the checkpoint's own; empty where there is none yet

    @property
    def seam_offset(self) -> int:
        """Where to read from, so that the seam is among what is read."""
        return self.offset - self.seam_bytes

    def continues_in(self, data: bytes) -> bool:
        """Return whether a blob that reads so from `seam_offset` on is the one this is a checkpoint of."""
        seam = data[: self.seam_bytes]
        return len(seam) == self.seam_bytes and _hash(seam) == self.seam_hash

    def has_read(self, listed: ListedBlob, *, is_sealed: bool) -> bool:
        """Return whether there is nothing new in a blob; of a sealed one the last line, too, must be read."""
        return self.etag == listed.etag and (self.offset == listed.size or not is_sealed)

    def moved_to(self, offset: int, seam: bytes, *, lines: int, etag: str, dead_letter_bytes: int) -> Checkpoint:
        """Return the checkpoint behind so many more lines; where there are none, the same but for the ETag."""
        if offset == self.offset:
            return replace(self, etag=etag)
        return Checkpoint(
            offset=offset,
            lines=self.lines + lines,
            seam_bytes=len(seam),
            seam_hash=_hash(seam),
            etag=etag,
            dead_letter_bytes=dead_letter_bytes,
            version=self.version,
        )

    def of_nothing(self) -> Checkpoint:
        """Return a checkpoint in place of this one that has nothing read."""
        return Checkpoint(version=self.version)


def _hash(seam: bytes) -> str:
    # No table should hold what logs may.
    return hashlib.sha256(seam).hexdigest() if seam else ""


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line without its end, and where it begins. Of one that is too long there is only the beginning."""

    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A line that cannot be read or stored, and why. The reason quotes nothing of it."""

    line: LogLine
    reason: str


class PutOutcome(StrEnum):
    """What came of storing an entry."""

    STORED = "stored"  # as a new row, or as more in one that is there
    DUPLICATE = "duplicate"  # a row said all of it already
    REFUSED = "refused"  # storage will never take it


@dataclass(frozen=True, slots=True)
class PutResult:
    """What came of storing an entry, and the reason where storage refuses it."""

    outcome: PutOutcome
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """
    What came of reading. Every line counts as one of the other three.

    A duplicate is a line of which nothing new could be stored.
    """

    blobs: int = 0
    lines: int = 0
    stored: int = 0
    duplicates: int = 0
    dead_letters: int = 0

    def __add__(self, other: Ingested) -> Ingested:
        return Ingested(
            blobs=self.blobs + other.blobs,
            lines=self.lines + other.lines,
            stored=self.stored + other.stored,
            duplicates=self.duplicates + other.duplicates,
            dead_letters=self.dead_letters + other.dead_letters,
        )
