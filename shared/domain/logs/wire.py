"""Reads one JSON object of a log line into a struct of the members we know; what is left over is kept as text.

Azure adds members without notice, and its schema "isn't strictly enforced": a member we do not know, or whose
value is none we can take, costs the entry nothing.

https://learn.microsoft.com/azure/azure-monitor/platform/activity-log-schema
"""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct

from shared.domain.errors import LineUnreadable

MAX_LINE_BYTES = 1024 * 1024
# What a row can keep of a line beside its columns: 14 properties of 32 Ki UTF-16 code units.
MAX_KEPT_UNITS = 14 * 32 * 1024

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

# Edm.Int64, and no count is below zero.
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
# A name, not a text: it becomes part of keys, and is held in caches.
Name = Annotated[str, Meta(min_length=1, max_length=1024)]

# Outside these years a time is a mistake; far outside, neither datetime nor Table Storage has it.
_FIRST_YEAR, _LAST_YEAR = 1990, 2199
_TICKS_PER_SECOND = 10_000_000
_UNIX_EPOCH_TICKS = 621_355_968_000_000_000
# .NET ticks: 100 ns each, since 0001-01-01. 2^53 is exceeded, so a reader with doubles would round them.
Ticks = Annotated[
    int,
    Meta(
        ge=_UNIX_EPOCH_TICKS + int(datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC).timestamp()) * _TICKS_PER_SECOND,
        lt=_UNIX_EPOCH_TICKS + int(datetime(_LAST_YEAR, 1, 1, tzinfo=UTC).timestamp()) * _TICKS_PER_SECOND,
    ),
]


class Localized(Struct, kw_only=True, gc=False):
    """A word as the Activity Log's REST API has it."""

    value: str


Word = str | Localized | None
Members = dict[str, Raw]
_S = TypeVar("_S", bound=Struct)

_T = TypeVar("_T")

_HIGH, _LOW = r"\\u[dD][89abAB][0-9a-fA-F]{2}", r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPE = re.compile(rf"{_HIGH}{_LOW}|(?P<half>{_HIGH}|{_LOW})|\\.", re.ASCII | re.DOTALL)
_MEMBERS = msgspec.json.Decoder(Members)
_MEMBERS_OR_TEXT = msgspec.json.Decoder[Members | str](Members | str)


def members(text: bytes | Raw | str) -> Members:
    """Return the members of a JSON object, unread. Raises one of UNREADABLE."""
    return decode_mended(_MEMBERS, text)


def decode_mended(decoder: msgspec.json.Decoder[_T], text: bytes | Raw | str) -> _T:
    """
    Decode JSON that may hold halves of surrogate pairs, as texts do that were cut: they are read as U+FFFD.

    Else a caller could keep a whole line from being read, or all of a message, with a word in a request.

    Raises one of UNREADABLE.
    """
    try:
        return decoder.decode(text)
    except msgspec.DecodeError:
        return decoder.decode(_ESCAPE.sub(_mended, text if isinstance(text, str) else bytes(text).decode()))


def _mended(escape: re.Match[str]) -> str:
    return r"\ufffd" if escape.lastgroup == "half" else escape[0]


def take_within(struct: type[_S], parent: Members, *path: str) -> _S:
    """Take the members that a struct knows out of an object inside another; what is left of it stays where it was."""
    if not path:
        return take(struct, parent)
    child = take_object(parent, path[0])
    taken = take_within(struct, child, *path[1:])
    if child:
        parent[path[0]] = Raw(msgspec.json.encode(child))
    return taken


def take_object(parent: Members, name: str) -> Members:
    """
    Take an object out of its parent, an empty one if there is none.

    Azure writes `properties` as an object, or as a string that holds the JSON of one.
    """
    try:
        taken = _MEMBERS_OR_TEXT.decode(parent[name])
        taken = members(taken) if isinstance(taken, str) else taken
    except (KeyError, *UNREADABLE):
        return {}
    del parent[name]
    return taken


def take(struct: type[_S], parent: Members) -> _S:
    """
    Take the members that a struct knows, and that fit it, out of their object.

    Raises:
        LineUnreadable: one that has to be there is not.
    """
    taken: dict[str, Any] = {}
    for name, wire_name, is_required, decoder in _fields(struct):
        try:
            taken[name] = decoder.decode(parent[wire_name])
        except (KeyError, *UNREADABLE):
            if is_required:
                raise LineUnreadable(f"the line has no {wire_name!r} that can be read") from None
            continue
        del parent[wire_name]
    return struct(**taken)


@functools.cache
def _fields(struct: type[Struct]) -> list[tuple[str, str, bool, msgspec.json.Decoder[Any]]]:
    return [
        (field.name, field.encode_name, field.required, msgspec.json.Decoder(field.type, strict=False))
        for field in msgspec.structs.fields(struct)
    ]


def left_over(parent: Members) -> str | None:
    """Return what nobody took as the text of a JSON object, None if there is nothing. Raises LineUnreadable."""
    return kept(msgspec.json.encode(parent)) if parent else None


def kept(text: bytes) -> str:
    """
    Return the text of a JSON value, as it stood in the line.

    Raises:
        LineUnreadable: it is not UTF-8, or more than a row can keep.
    """
    try:
        decoded = text.decode()
    except UnicodeDecodeError:
        raise LineUnreadable("the line is not UTF-8") from None
    # Above U+FFFF a character takes two units, so that the bytes are the upper bound of both.
    if len(text) > MAX_KEPT_UNITS:
        raise LineUnreadable(f"what is to be kept of the line takes more than {MAX_KEPT_UNITS} bytes")
    return decoded


def utc(time: datetime) -> datetime:
    """Return a time of a line as aware UTC; one without a time zone is UTC. Raises LineUnreadable."""
    if not _FIRST_YEAR <= time.year < _LAST_YEAR:
        raise LineUnreadable("the line's time is not of this age")
    if time.tzinfo is UTC:
        return time
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def ticks_to_utc(ticks: int) -> datetime:
    """Return .NET ticks as aware UTC, cut to the microsecond."""
    # Whole microseconds of this age are below 2^53: the division does not move them.
    return datetime.fromtimestamp((ticks - _UNIX_EPOCH_TICKS) // 10 / 1_000_000, UTC)


@functools.lru_cache(maxsize=1024)
def resource_id(text: str) -> str:
    """Return an Azure resource id in its one spelling: they differ in case between logs, and mean the same."""
    return "/" + text.strip("/").lower()


def word_text(word: Word) -> str:
    """Return a word in either form, "" for none."""
    return word.value if isinstance(word, Localized) else word or ""
