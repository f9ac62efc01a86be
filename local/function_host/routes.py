"""
Route templates of HTTP triggers, matched as ASP.NET Core does.

https://learn.microsoft.com/aspnet/core/fundamentals/routing#route-templates
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from urllib.parse import unquote

from local.errors import WorkbenchError

_PARAMETER = re.compile(r"\{(\*{0,2})(\w+)(\??)\}")
_ENCODED_SLASH = re.compile("(%2f)", re.IGNORECASE)


class TemplateError(WorkbenchError):
    """A route template this host does not understand."""


class SegmentKind(IntEnum):
    """What a segment matches, the more particular first."""

    LITERAL = 0
    PARAMETER = 1
    OPTIONAL = 2
    CATCH_ALL = 3


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment of a template: a literal's text in lower case, or a parameter's name."""

    kind: SegmentKind
    text: str


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed route template."""

    segments: tuple[Segment, ...]

    @property
    def precedence(self) -> tuple[SegmentKind, ...]:
        """What orders templates: at the first segment that differs, the more particular comes first."""
        return tuple(segment.kind for segment in self.segments)

    def match(self, path: Sequence[str]) -> dict[str, str] | None:
        """Return the parameters that the segments of a path give, decoded; None where they do not match."""
        parameters: dict[str, str] = {}
        for i, segment in enumerate(self.segments):
            if segment.kind is SegmentKind.CATCH_ALL:
                return parameters | ({segment.text: "/".join(path[i:])} if path[i:] else {})
            if i >= len(path):
                return parameters if segment.kind is SegmentKind.OPTIONAL else None
            if segment.kind is not SegmentKind.LITERAL and path[i]:
                parameters[segment.text] = path[i]
            elif path[i].lower() != segment.text:
                return None
        return parameters if len(path) <= len(self.segments) else None


def parse_template(text: str) -> Template:
    """
    Return the template, as `openai/{*path}`.

    Raises:
        TemplateError: it holds what we do not know, or a catch-all that is not its last segment.
    """
    segments = tuple(_segment(part) for part in text.split("/") if part)
    if any(segment.kind > SegmentKind.PARAMETER for segment in segments[:-1]):
        raise TemplateError(f"in the route {text!r} something follows what can only be last")
    return Template(segments)


def path_segments(raw_path: bytes) -> list[str]:
    """
    Return the decoded segments of a percent-encoded path, an empty one at its end left out.

    An encoded slash stays encoded, as in ASP.NET Core: it is no separator.
    """
    segments = raw_path.decode("latin-1").removeprefix("/").split("/")
    if segments[-1] == "":
        segments.pop()
    return [_decoded(segment) for segment in segments]


def _segment(part: str) -> Segment:
    if not set(part) & set("{}"):
        return Segment(SegmentKind.LITERAL, part.lower())
    match = _PARAMETER.fullmatch(part)
    if match is None:
        raise TemplateError(f"{part!r} is no route segment this host understands")
    stars, name, mark = match.groups()
    if stars:
        return Segment(SegmentKind.CATCH_ALL, name)
    return Segment(SegmentKind.OPTIONAL if mark else SegmentKind.PARAMETER, name)


def _decoded(segment: str) -> str:
    parts = _ENCODED_SLASH.split(segment)
    return "".join(part if _ENCODED_SLASH.fullmatch(part) else unquote(part) for part in parts)
