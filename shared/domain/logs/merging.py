"""Two entries that stand in one row, as one: of a call Azure has logged one line or two, and may log them again."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from shared.domain.logs.entries import LogEntry

_E = TypeVar("_E", bound=LogEntry)


def richer_of(one: _E, other: _E) -> _E:
    """
    Return one entry that says what either says.

    In each field what is known is kept, and of two values the larger. So it does not matter in which order
    entries come, nor how often each: a line that is read again changes nothing.
    """
    if one == other:
        return one
    merged = {name: _larger(getattr(one, name), getattr(other, name)) for name in one.__struct_fields__}
    return msgspec.structs.replace(one, **merged)


def _larger(one: object, other: object) -> object:
    if one is None or other is None:
        return other if one is None else one
    # Both are of one type, that of the field; msgspec knows it, and mypy does not.
    return max(one, other)  # type: ignore[call-overload]
