"""A count of tokens, and what it leaves out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

# Says how many tokens a text is, in the encoding of the model at hand.
TextCounter = Callable[[str], int]


class Uncounted(StrEnum):
    """What cannot be counted, or not yet. The words stand in the method of an estimate."""

    ANSWER = "the answer, which was not seen"
    AUDIO = "audio"
    BUILT_IN_TOOLS = "built-in tools"
    ECHO = "an echoed prompt"
    FILES = "files"
    FILTERED = "what a content filter took out"
    IMAGES = "images"
    ITEMS = "items of an unknown type"
    REASONING = "hidden reasoning"
    REQUEST_NOT_KEPT = "the request, which was not kept"
    REQUEST_TOO_LARGE = "the request, which is too large"
    REQUEST_UNREADABLE = "the request, which is unreadable"
    RESPONSE_FORMAT = "the response format"
    SERVER_STATE = "what the server remembers"
    TOOLS = "tools"


@dataclass(frozen=True, slots=True)
class Count:
    """
    Tokens, and what is not among them.

    With something uncounted, `tokens` is a lower bound; it is None where even that says nothing.
    """

    tokens: int | None
    uncounted: frozenset[Uncounted] = frozenset()

    def __add__(self, other: Count) -> Count:
        """Return both together: unknown if one of them is."""
        unknown = self.tokens is None or other.tokens is None
        tokens = None if unknown else (self.tokens or 0) + (other.tokens or 0)
        return Count(tokens, self.uncounted | other.uncounted)


NOTHING = Count(0)


def lower_bound(tokens: int, uncounted: Uncounted) -> Count:
    """Return what is left when `uncounted` is left out."""
    return Count(tokens, frozenset({uncounted}))


def unknown(uncounted: Uncounted) -> Count:
    """Return that nothing can be said because of `uncounted`."""
    return Count(None, frozenset({uncounted}))
