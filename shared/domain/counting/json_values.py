"""Reading JSON that anybody may have sent: what is not of the type we expect is not there."""

from __future__ import annotations

from typing import Any

JsonObject = dict[str, Any]


def text_of(value: Any) -> str:
    """Return a string, "" for anything else."""
    return value if isinstance(value, str) else ""


def object_of(value: Any) -> JsonObject:
    """Return an object, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def list_of(value: Any) -> list[Any]:
    """Return an array, an empty one for anything else."""
    return value if isinstance(value, list) else []


def objects_of(value: Any) -> list[JsonObject]:
    """Return the objects of an array."""
    return [item for item in list_of(value) if isinstance(item, dict)]
