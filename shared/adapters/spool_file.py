"""What a file of the spool says: a call that has begun, or how it ended, as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from shared.domain.errors import LedgerError
from shared.domain.table_entity import is_int64, storable_text
from shared.domain.usage_record import OpenCall, UsageRecord


class FileUnreadable(Exception):
    """The file is damaged, or of a version that this one cannot read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    begun: OpenCall | None = None
    ended: UsageRecord | None = None


def encode_entry(entry: OpenCall | UsageRecord) -> bytes:
    """
    Return an entry as the content of its file.

    Texts and numbers are those that the row will have: JSON takes no more than Table Storage, and so no
    label that a caller made up can cost a record or fill the disk.
    """
    file = _File(ended=entry) if isinstance(entry, UsageRecord) else _File(begun=entry)
    return msgspec.json.encode(_storable(msgspec.to_builtins(file)))


def decode_entry(content: bytes) -> OpenCall | UsageRecord:
    """Return the entry of a file. Raises FileUnreadable."""
    try:
        file = msgspec.json.decode(content, type=_File)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, LedgerError) as error:
        raise FileUnreadable(f"a file of the spool cannot be read: {type(error).__name__}") from error
    entry = file.ended or file.begun
    if entry is None:
        raise FileUnreadable("a file of the spool holds no call")
    return entry


def _storable(value: Any) -> Any:
    match value:
        case dict():
            return {name: _storable(each) for name, each in value.items()}
        case list():
            return [_storable(each) for each in value]
        case str():
            return storable_text(value)
        case int() if not is_int64(value):
            return None
        case _:
            return value
