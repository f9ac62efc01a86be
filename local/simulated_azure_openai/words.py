"""The text of answers, and how tokens are counted here.

A token is a word: what stands between white space. A real vocabulary would have to be
downloaded, and what the tests compare is that a count arrives, not how Azure makes it.
A chat message costs 4 more (3 for its frame, 1 for its role), priming the answer 3, and an
image 85, as in the ChatML of the gpt-4 family.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle, islice
from typing import Any

import msgspec

_WORD = re.compile(r"\S+")
_ECHOED_WORDS = 40
_MESSAGE_TOKENS = 4
_PRIMING_TOKENS = 3
_IMAGE_TOKENS = 85
_REASONING_TOKENS = 64

Part = Mapping[str, Any]
Content = str | Sequence[Part] | None


def content_text(content: Content) -> str:
    """Return the text of a message, which is a string or a list of parts."""
    if content is None or isinstance(content, str):
        return content or ""
    return " ".join(text for part in content if isinstance(text := part.get("text"), str))


def content_tokens(content: Content) -> int:
    images = 0 if content is None or isinstance(content, str) else sum(map(_is_image, content))
    return text_tokens(content_text(content)) + images * _IMAGE_TOKENS


def text_tokens(text: str) -> int:
    # Not split(): the words of a prompt of 100 MB would take gigabytes.
    return sum(1 for _ in _WORD.finditer(text))


def json_tokens(value: Any) -> int:
    """Return the tokens of tools or a schema, 0 where there are none."""
    return text_tokens(msgspec.json.format(msgspec.json.encode(value)).decode()) if value else 0


def conversation_tokens(contents: Iterable[Content]) -> int:
    return sum(_MESSAGE_TOKENS + content_tokens(content) for content in contents) + _PRIMING_TOKENS


def answer_words(prompt: str, wanted: int | None) -> list[str]:
    """Return the words of an answer: an echo of the prompt, or `wanted` words of it, over and over."""
    echo = ["You", "said:", *prompt.split(maxsplit=_ECHOED_WORDS)[:_ECHOED_WORDS]]
    return echo if wanted is None else list(islice(cycle(echo), wanted))


def pieces(words: Sequence[str]) -> list[str]:
    """Return the words as a stream sends them, each with the space before it; joined, they are the text."""
    return [word if number == 0 else " " + word for number, word in enumerate(words)]


class Completion:
    """The words that fit a limit, and what they cost with the reasoning before them."""

    __slots__ = ("cut", "reasoning_tokens", "words")

    def __init__(self, words: Sequence[str], *, limit: int | None, reasons: bool) -> None:
        room = len(words) + _REASONING_TOKENS if limit is None else limit
        self.reasoning_tokens = min(_REASONING_TOKENS, room) if reasons else 0
        self.words = words[: room - self.reasoning_tokens]
        self.cut = len(self.words) < len(words)

    @property
    def text(self) -> str:
        return " ".join(self.words)

    @property
    def tokens(self) -> int:
        return len(self.words) + self.reasoning_tokens


def cached_tokens(prompt_tokens: int) -> int:
    """Return how many prompt tokens are cached: from 1024 on, whole blocks of 128, the last never."""
    return (prompt_tokens - 1) // 128 * 128 if prompt_tokens > 1024 else 0


def _is_image(part: Part) -> bool:
    return part.get("type") in ("image_url", "input_image")
