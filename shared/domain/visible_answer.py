"""What was seen of an answer, as far as it must be counted: who said what, not how it was framed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A call of one of the caller's tools. `arguments` is JSON as the model wrote it, perhaps cut."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """
    One of the `n` answers; the Responses API has a single one.

    `texts` are its messages: one in chat completions, and in the Responses API one an output item
    and content part. `is_legacy_call` says that its call came as `function_call`, before there
    were tools. `finish_reason` is the service's word, `stop` or `completed`, where it gave one.
    """

    texts: tuple[str, ...] = ()
    refusal: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    is_legacy_call: bool = False
    finish_reason: str | None = None

    @property
    def length(self) -> int:
        """Characters of all of it."""
        called = sum(len(call.name) + len(call.arguments) for call in self.tool_calls)
        return sum(map(len, self.texts)) + len(self.refusal) + called


@dataclass(frozen=True, slots=True, kw_only=True)
class VisibleAnswer:
    """
    An answer as it was seen. `reasoning_summary` retells hidden tokens and is none of them.

    `has_reasoned` says that it shows there was reasoning. `has_audio` and `has_built_in_items` say
    that it held sound, or output of the service's own tools, whose tokens do not show.
    """

    choices: tuple[Choice, ...] = ()
    reasoning_summary: str = ""
    has_reasoned: bool = False
    has_audio: bool = False
    has_built_in_items: bool = False

    @property
    def length(self) -> int:
        """Characters of all that is counted."""
        return sum(choice.length for choice in self.choices)


UNSEEN = VisibleAnswer()
