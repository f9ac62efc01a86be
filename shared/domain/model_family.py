"""What a family of models adds to the text it is sent and answers with. All numbers are tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from shared.domain.image_price import ImagePrice
from shared.domain.period import Period


class Encoding(StrEnum):
    """A vocabulary of tiktoken, by its official name."""

    CL100K_BASE = "cl100k_base"
    O200K_BASE = "o200k_base"


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenText:
    """What a family was told for a time beside what was sent: more where that had tools, or else images."""

    during: Period
    tokens: int
    beside_tools: int
    beside_images: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptFrames:
    """
    What a prompt has beside its messages. None is not known.

    Tool definitions cost `tools` beside their text, a JSON schema for the answer
    `response_format`. Where they are `in_system_message` they are a part of the first one, or
    make one. `forced_tool` (with the tool's name) and `no_tool` are what a tool choice adds,
    `image_beside_tools` what any image does where there are tools.

    A call costs `call` beside its recipient and arguments, and `stored_call` more where it comes
    back as the service wrote it, which the member `stored_by` shows; a result costs `result` beside
    its sender and content. The sender is named as a recipient where `names_recipients`. Several
    calls are one where it `merges_calls`; in chat completions, so are their results. `hidden` is
    what was told for a time.
    """

    tools: int | None = None
    response_format: int | None = None
    in_system_message: bool = False
    forced_tool: int = 0
    no_tool: int = 0
    image_beside_tools: int = 0
    call: int = 5
    stored_call: int = 0
    stored_by: str = "status"
    result: int = 7
    names_recipients: bool = False
    merges_calls: bool = False
    hidden: HiddenText | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFrames:
    """
    What an answer has beside its text.

    In words it ends in `text`, in `text_with_tools` where it might have called one; a `refusal`
    costs that more. A call costs `call` beside its recipient and arguments, a `forced_call` beside
    its arguments alone. An answer that shows that it reasoned costs `reasoned` more. The header of
    one that follows a schema is the model's own where it `names_format`.
    """

    text: int = 0
    text_with_tools: int = 0
    refusal: int = 0
    call: int = 6
    forced_call: int = 0
    reasoned: int = 0
    names_format: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one API frames prompts and answers."""

    prompt: PromptFrames = field(default_factory=PromptFrames)
    answer: AnswerFrames = field(default_factory=AnswerFrames)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFamily:
    """
    Models that count alike.

    `turn_tokens` frame every message, `assistant_tokens` come on top where it is one of the
    assistant's; `priming_tokens` open the reply. `azure_end_tokens` end a chat answer where Azure
    serves it. `reads_harmony` are the models whose tools are written in OpenAI's Harmony format. A
    family that `reasons` bills tokens nobody sees. `image` is None where it is not known.
    """

    encoding: Encoding
    turn_tokens: int = 3
    assistant_tokens: int = 0
    priming_tokens: int = 3
    azure_end_tokens: int = 0
    reads_harmony: bool = False
    reasons: bool = False
    chat: Dialect = field(default_factory=Dialect)
    responses: Dialect = field(default_factory=Dialect)
    image: ImagePrice | None = None
