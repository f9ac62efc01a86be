"""Puts an answer together from its pieces, as they come."""

from __future__ import annotations

from collections.abc import Hashable
from enum import Enum
from typing import Any

from shared.domain.visible_answer import Choice, ToolCall, VisibleAnswer

# What is kept of an answer's text in case it must be counted. More than any model writes.
TEXT_LIMIT = 8 * 1024 * 1024

# Messages and calls of one answer. More are not kept: an upstream that lies must not fill the memory.
PART_LIMIT = 4096


class Part(Enum):
    """What a piece of text belongs to."""

    TEXT = 0
    REFUSAL = 1
    CALLED_NAME = 2
    ARGUMENTS = 3


class AnswerBuilder:
    """Takes pieces of text by where they belong. What is no text, or over the limits, is not kept."""

    __slots__ = (
        "_finish_reasons",
        "_legacy_calls",
        "_length",
        "_parts",
        "_summary",
        "has_audio",
        "has_built_in_items",
        "has_reasoned",
    )

    def __init__(self) -> None:
        # By choice, part and, where there may be several, which: a call or a message. In the order they began.
        self._parts: dict[tuple[int, Part, Hashable], list[str]] = {}
        self._finish_reasons: dict[int, str | None] = {}
        self._legacy_calls: set[int] = set()
        self._summary: list[str] = []
        self._length = 0
        self.has_audio = False
        self.has_built_in_items = False
        self.has_reasoned = False

    def add(self, choice: int, part: Part, text: Any, which: Hashable = 0) -> None:
        """Add a piece to a part of a choice."""
        if not isinstance(text, str) or not (text or part is Part.CALLED_NAME):
            return
        key = (choice, part, which)
        if (pieces := self._parts.get(key)) is None:
            if len(self._parts) >= PART_LIMIT:
                return
            pieces = self._parts[key] = []
        pieces.append(self._kept(text))

    def add_call(self, choice: int, function: dict[Any, Any], which: Hashable) -> None:
        """Add a piece of a call: its name comes first, and whole."""
        self.add(choice, Part.CALLED_NAME, function.get("name"), which)
        self.add(choice, Part.ARGUMENTS, function.get("arguments"), which)

    def add_legacy_call(self, choice: int, function: dict[Any, Any]) -> None:
        """Add a piece of a `function_call`, the form before there were tools."""
        if function:
            self._legacy_calls.add(choice)
            self.add_call(choice, function, 0)

    def add_summary(self, text: Any) -> None:
        """Add a piece to the summary of the model's reasoning."""
        if isinstance(text, str):
            self._summary.append(self._kept(text))

    def saw(self, choice: int, finish_reason: str | None = None) -> None:
        """Note that a choice is there, though it may be empty, and why it ended."""
        if choice in self._finish_reasons or len(self._finish_reasons) < PART_LIMIT:
            self._finish_reasons[choice] = finish_reason or self._finish_reasons.get(choice)

    def build(self) -> VisibleAnswer:
        """Return the answer as far as it was seen."""
        return VisibleAnswer(
            choices=tuple(self._build_choice(index) for index in sorted(self._finish_reasons)),
            reasoning_summary="".join(self._summary),
            has_reasoned=self.has_reasoned,
            has_audio=self.has_audio,
            has_built_in_items=self.has_built_in_items,
        )

    def _kept(self, text: str) -> str:
        kept = text[: TEXT_LIMIT - self._length]
        self._length += len(kept)
        return kept

    def _build_choice(self, index: int) -> Choice:
        names = self._texts(index, Part.CALLED_NAME)
        arguments = self._texts(index, Part.ARGUMENTS)
        return Choice(
            texts=tuple(self._texts(index, Part.TEXT).values()),
            refusal="".join(self._texts(index, Part.REFUSAL).values()),
            tool_calls=tuple(
                ToolCall(name=names.get(call, ""), arguments=arguments.get(call, "")) for call in names | arguments
            ),
            is_legacy_call=index in self._legacy_calls,
            finish_reason=self._finish_reasons[index],
        )

    def _texts(self, choice: int, part: Part) -> dict[Hashable, str]:
        """Return the texts of a part, by which of them it is."""
        return {key[2]: "".join(pieces) for key, pieces in self._parts.items() if key[:2] == (choice, part)}
