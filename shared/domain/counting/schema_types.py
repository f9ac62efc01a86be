"""JSON schemas as the types that OpenAI shows a model: TypeScript, with comments.

How it looks was found by what recorded calls bill; OpenAI's own renderer for its open models looks
alike: https://github.com/openai/harmony/blob/main/src/encoding.rs, json_schema_to_typescript.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from shared.domain.counting.json_values import JsonObject, list_of, object_of, text_of

# A schema is the caller's. References may repeat it without end, so that what is written is bounded.
MOST_CHARACTERS = 4 * 1024 * 1024
MOST_SCHEMAS = 100_000
_DEEPEST = 64

_NAMES = {"string": "string", "number": "number", "integer": "number", "boolean": "boolean", "null": "null"}


class SchemaTooLarge(Exception):
    """A schema repeats itself without end, or is beyond what we write out."""


@dataclass(frozen=True, slots=True)
class _Type:
    """
    A type on one line, where it fits one, and as it looks within an object of several lines.

    A name stands before it with a blank between them, unless it `follows_close`.
    """

    line: str | None
    lines: str
    follows_close: bool = False

    @property
    def is_one_line(self) -> bool:
        return self.line is not None


@dataclass(frozen=True, slots=True)
class _Member:
    """A member of an object: its comments, its name up to the type, its type, and its default as a comment."""

    comments: Sequence[str]
    name: str
    type: _Type
    default: str = ""


class SchemaTypes:
    """
    Writes the parameters of tools as types, within bounds that hold for all of them together.

    Where it does not `break_unions`, as in the Responses API, they stay on their line.
    """

    def __init__(self, *, break_unions: bool) -> None:
        self._break_unions = break_unions
        self._root: JsonObject = {}
        self._depth = 0
        self._schemas = 0
        self._characters = 0

    def parameters(self, schema: Any) -> str | None:
        """
        Return the type of a tool's parameters, None if it takes none.

        Raises:
            SchemaTooLarge: it cannot be written out within the bounds.
        """
        self._root = object_of(schema)
        resolved = self._resolve(self._root)
        if not resolved.get("properties") and not _is_open(resolved):
            return None
        written = self._object(resolved)
        comments = "".join(f"{line}\n" for line in _comments(resolved))
        return comments + (written.line or written.lines)

    def _type(self, schema: Any) -> _Type:
        self._schemas += 1
        self._depth += 1
        if self._schemas > MOST_SCHEMAS or self._depth > _DEEPEST:
            raise SchemaTooLarge
        written = self._bounded(self._any_type(self._resolve(object_of(schema))))
        self._depth -= 1
        return written

    def _bounded(self, written: _Type) -> _Type:
        self._characters += len(written.lines)
        if self._characters > MOST_CHARACTERS:
            raise SchemaTooLarge
        return written

    def _resolve(self, schema: JsonObject) -> JsonObject:
        """Return a schema with its `$ref` put in its place; what stands beside that counts first."""
        for _ in range(_DEEPEST):
            reference = text_of(schema.get("$ref"))
            if not reference:
                return schema
            beside = {name: value for name, value in schema.items() if name != "$ref"}
            schema = self._find(reference) | beside
        raise SchemaTooLarge

    def _find(self, reference: str) -> JsonObject:
        found: Any = self._root
        for step in reference.removeprefix("#").split("/"):
            found = object_of(found).get(step) if step else found
        return object_of(found)

    def _any_type(self, schema: JsonObject) -> _Type:
        if values := list_of(schema.get("enum")):
            return _one_line(" | ".join(map(_literal, values)))
        if "const" in schema:
            return _one_line(_literal(schema["const"]))
        if variants := _variants(schema):
            return self._union(variants)
        kind = schema.get("type")
        if kind == "array":
            return self._array(schema)
        if kind == "object" or "properties" in schema:
            return self._object(schema)
        return _one_line(_NAMES.get(text_of(kind), "any"))

    def _union(self, variants: Sequence[JsonObject]) -> _Type:
        types = [self._type(variant) for variant in variants]
        line = " | ".join(written.line or written.lines for written in types)
        if not self._break_unions:
            return _Type(line if all(written.is_one_line for written in types) else None, line)
        comments = [_comments(self._resolve(variant)) for variant in variants]
        lines = "".join(
            "\n| " + "".join(f"{line}\n" for line in notes) + written.lines
            for written, notes in zip(types, comments, strict=True)
        )
        if any(comments) or not all(written.is_one_line for written in types):
            return _Type(None, lines, follows_close=True)
        return _Type(line, lines, follows_close=True)

    def _array(self, schema: JsonObject) -> _Type:
        items = self._type(schema["items"]) if "items" in schema else _one_line("any")
        if items.is_one_line:
            return _one_line(f"{items.line}[]")
        comments = "".join(f"{line}\n" for line in _comments(self._resolve(object_of(schema["items"]))))
        return _Type(None, f"Array<\n{comments}{items.lines}\n>")

    def _object(self, schema: JsonObject) -> _Type:
        members = list(self._members(schema))
        if not members:
            return _one_line("object")
        # A default alone does not break the line: it is a comment there, too.
        if all(member.type.is_one_line and not member.comments for member in members):
            inner = ", ".join(f"{member.name}{member.type.line}{member.default}" for member in members)
            return _one_line(f"{{ {inner} }}")
        return _Type(None, _lines(members))

    def _members(self, schema: JsonObject) -> Iterator[_Member]:
        required = list_of(schema.get("required"))
        for name, given in object_of(schema.get("properties")).items():
            member = self._resolve(object_of(given))
            mark = "" if name in required else "?"
            default = f", // default: {_literal(member['default'])}" if "default" in member else ""
            yield _member(_comments(member), f"{name}{mark}", self._type(member), default)
        if _is_open(schema):
            yield _member((), "[k: string]", self._type(schema["additionalProperties"]))


def _member(comments: Sequence[str], name: str, written: _Type, default: str = "") -> _Member:
    # A union that may break its line brings its own: no blank is left where it does not.
    return _Member(comments, f"{name}:" if written.follows_close else f"{name}: ", written, default)


def _lines(members: Sequence[_Member]) -> str:
    # No indentation, in nested objects either.
    return "{\n" + "".join(_member_lines(member) for member in members) + "}"


def _member_lines(member: _Member) -> str:
    comments = "".join(f"{line}\n" for line in member.comments)
    return f"{comments}{member.name}{member.type.lines}{member.default or ','}\n"


def _variants(schema: JsonObject) -> list[JsonObject]:
    """Return what a union is of. Of a list of types each has all that the schema says, its description too."""
    for name in ("anyOf", "oneOf"):
        if variants := list_of(schema.get(name)):
            return [object_of(variant) for variant in variants]
    return [schema | {"type": kind} for kind in list_of(schema.get("type"))]


def _comments(schema: JsonObject) -> list[str]:
    """Return title, description and format as comments, a blank one between the first two."""
    title = comment_lines(text_of(schema.get("title")))
    description = comment_lines(text_of(schema.get("description")))
    blank = ["//"] if title and description else []
    return [*title, *blank, *description, *comment_lines(_format(schema))]


def _format(schema: JsonObject) -> str:
    name = text_of(schema.get("format"))
    return f"format: {name}" if name else ""


def comment_lines(text: str) -> list[str]:
    """Return a text as comments, line by line, none for no text."""
    return [f"// {line.strip()}".rstrip() for line in text.split("\n")] if text else []


def _is_open(schema: JsonObject) -> bool:
    """Return whether an object takes members that its schema does not name."""
    extra = schema.get("additionalProperties")
    return extra is True or (isinstance(extra, dict) and bool(extra))


def _one_line(text: str) -> _Type:
    return _Type(text, text)


def _literal(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
