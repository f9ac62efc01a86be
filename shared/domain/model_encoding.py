"""Which encoding a model reads and writes, and what its family adds to the text it is sent."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum

from shared.domain.image_price import ImagePrice, PatchPrice, TilePrice
from shared.domain.operation import Metered


class Encoding(StrEnum):
    """A vocabulary of tiktoken, by its official name."""

    CL100K_BASE = "cl100k_base"
    O200K_BASE = "o200k_base"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """
    What a family adds in one API. All numbers are tokens; None is not known.

    Tool definitions cost `tools_tokens` beside their text, a JSON schema for the answer
    `format_tokens`. Where they are `in_system_message` they are a part of the first one, or make
    one. `forced_tool_tokens` (with the tool's name) and `no_tool_tokens` are what a tool choice
    adds. A call costs `call_tokens` beside its recipient and arguments, a result `result_tokens`
    beside its sender (named as a recipient where `results_name_recipient`) and content. A call that the service
    knows for its own costs `stored_call_tokens` more. Several calls in a prompt are one where it
    `merges_calls`, and in an answer where it `merges_made_calls`.

    Where the model stops of itself, an answer in words ends in `end_tokens`, in
    `end_tokens_with_tools` where it might have called one, and a refusal in `refusal_tokens` more.
    A call bills `called_tokens` beside its recipient and arguments, one that was forced
    `forced_call_tokens` beside its arguments; an answer that shows that it reasoned
    `reasoned_tokens` more. Where it `names_format_in_answer`, a schema's name is billed there, too.
    """

    tools_tokens: int | None = None
    format_tokens: int | None = None
    in_system_message: bool = False
    forced_tool_tokens: int = 0
    no_tool_tokens: int = 0
    refusal_tokens: int = 0
    call_tokens: int = 5
    stored_call_tokens: int = 0
    result_tokens: int = 7
    results_name_recipient: bool = False
    merges_calls: bool = False
    merges_made_calls: bool = False
    end_tokens: int = 0
    end_tokens_with_tools: int = 0
    called_tokens: int = 6
    forced_call_tokens: int = 0
    reasoned_tokens: int = 0
    names_format_in_answer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFamily:
    """
    Models that count alike. All numbers are tokens.

    `turn_tokens` frame every message, `assistant_tokens` come on top where it is one of the
    assistant's; `priming_tokens` open the reply. `azure_end_tokens` end an answer where Azure
    serves it. `reads_harmony` are the models whose prompts OpenAI writes in its Harmony format.
    A family that `reasons` bills tokens nobody sees. `image` is None where it is not known.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEncoding:
    """How to count for a model. `is_known` is False where we fell back."""

    family: ModelFamily
    is_known: bool

    @property
    def encoding(self) -> Encoding:
        """The encoding of the family."""
        return self.family.encoding


# The numbers were fitted on recorded calls of Azure OpenAI and OpenAI with the usage billed, and
# hold for repositories they were not fitted on (docs/decisions/0007-counting-tokens.md says how
# often). Turns and priming also stand in OpenAI's cookbook:
# https://github.com/openai/openai-cookbook/blob/main/examples/How_to_count_tokens_with_tiktoken.ipynb
_CHATML_CHAT = Dialect(
    tools_tokens=-1,
    format_tokens=0,
    in_system_message=True,
    forced_tool_tokens=7,
    no_tool_tokens=1,
    merges_calls=True,
    merges_made_calls=True,
    end_tokens_with_tools=1,
    refusal_tokens=1,
)
_CHATML_RESPONSES = Dialect(
    tools_tokens=3,
    format_tokens=1,
    forced_tool_tokens=7,
    call_tokens=4,
    stored_call_tokens=3,
    result_tokens=5,
    results_name_recipient=True,
    merges_made_calls=True,
    end_tokens=1,
    end_tokens_with_tools=2,
    called_tokens=7,
    forced_call_tokens=1,
)
_GPT_4 = ModelFamily(
    encoding=Encoding.CL100K_BASE,
    chat=replace(_CHATML_CHAT, called_tokens=3),
    responses=_CHATML_RESPONSES,
)
_GPT_3_5 = replace(_GPT_4, chat=_CHATML_CHAT)

# Azure bills the token that ends an answer, OpenAI does not: 34 of 36 recorded Azure answers.
_GPT_4O = ModelFamily(
    encoding=Encoding.O200K_BASE,
    azure_end_tokens=1,
    chat=_CHATML_CHAT,
    responses=_CHATML_RESPONSES,
    image=TilePrice(base=85, tile=170),
)

# These read OpenAI's Harmony format, where "<|start|>assistant" opens the reply and a past answer
# names its channel: https://developers.openai.com/cookbook/articles/openai-harmony
# What ends an answer of the o-series is only known next to hidden reasoning, so that it is left out.
_O_SERIES = ModelFamily(
    encoding=Encoding.O200K_BASE,
    assistant_tokens=2,
    priming_tokens=2,
    reasons=True,
    chat=Dialect(
        tools_tokens=10,
        merges_calls=True,
        merges_made_calls=True,
        end_tokens=13,
        end_tokens_with_tools=14,
        called_tokens=20,
    ),
    responses=Dialect(results_name_recipient=True, merges_made_calls=True, end_tokens=1, end_tokens_with_tools=1),
    image=TilePrice(base=75, tile=150),
)
_O3_MINI = replace(_O_SERIES, assistant_tokens=0, image=None)
_O1_MINI = replace(_GPT_4O, reasons=True, chat=replace(_CHATML_CHAT, end_tokens=11), image=None)
_GPT_5 = ModelFamily(
    encoding=Encoding.O200K_BASE,
    assistant_tokens=2,
    priming_tokens=2,
    azure_end_tokens=1,
    reads_harmony=True,
    reasons=True,
    chat=Dialect(
        tools_tokens=90,
        call_tokens=9,
        result_tokens=9,
        merges_calls=True,
        merges_made_calls=True,
        end_tokens=9,
        end_tokens_with_tools=9,
        called_tokens=15,
    ),
    responses=Dialect(
        tools_tokens=8,
        format_tokens=0,
        call_tokens=6,
        stored_call_tokens=3,
        result_tokens=9,
        results_name_recipient=True,
        merges_made_calls=True,
        names_format_in_answer=True,
        end_tokens=4,
        end_tokens_with_tools=4,
        called_tokens=10,
        reasoned_tokens=2,
    ),
    image=TilePrice(base=70, tile=140),
)
_GPT_5_4 = replace(
    _GPT_5,
    chat=replace(_GPT_5.chat, end_tokens=3, end_tokens_with_tools=3, called_tokens=9),
    image=PatchPrice(multiplier=Decimal("1.2")),
)

# Embeddings and legacy completions send bare text: their family is its encoding.
_TEXT = ModelFamily(encoding=Encoding.CL100K_BASE)

# A row is the start of a model's name, up to a dash, a colon or its end; one that ends in "." or
# "-" takes whatever follows. Encodings as in tiktoken 0.14.0, tiktoken/model.py, but where noted.
# Prices of images: https://platform.openai.com/docs/guides/images-vision#calculating-costs, where
# noted as billed.
_FAMILIES = {
    "gpt-3.5": _GPT_3_5,
    "gpt-4": _GPT_4,
    "gpt-4-1106": replace(_GPT_4, chat=_CHATML_CHAT, image=_GPT_4O.image),
    "gpt-4-0125": replace(_GPT_4, chat=_CHATML_CHAT),
    "gpt-4-turbo": replace(_GPT_4, chat=_CHATML_CHAT, image=_GPT_4O.image),
    "gpt-4-vision": replace(_GPT_4, chat=_CHATML_CHAT, image=_GPT_4O.image),
    "gpt-4.": _GPT_4O,
    "gpt-4.1-mini": replace(_GPT_4O, image=PatchPrice(multiplier=Decimal("1.62"), frame=2)),
    "gpt-4.1-nano": replace(_GPT_4O, image=PatchPrice(multiplier=Decimal("2.46"))),
    "gpt-4o": _GPT_4O,
    "gpt-4o-mini": replace(_GPT_4O, image=TilePrice(base=2833, tile=5667)),
    "chatgpt-4o": _GPT_4O,
    "gpt-audio": _GPT_4O,  # not in tiktoken; its recorded text is gpt-4o's
    "o1-mini": _O1_MINI,  # its recorded prompts are ChatML, unlike those of the later o-series
    "o1-preview": _O1_MINI,  # released with o1-mini
    "o1": _O_SERIES,
    "o3": _O_SERIES,
    "o3-mini": _O3_MINI,
    "o4-mini": replace(
        _O_SERIES, chat=replace(_O_SERIES.chat, end_tokens=20), image=PatchPrice(multiplier=Decimal("1.72"))
    ),
    "gpt-5": _GPT_5,
    # As billed: the guide's 1.62 and 2.46 are those of gpt-4.1-mini and -nano.
    "gpt-5-mini": replace(_GPT_5, image=PatchPrice(multiplier=Decimal("1.2"))),
    "gpt-5-nano": replace(_GPT_5, image=PatchPrice(multiplier=Decimal("1.5"))),
    "gpt-5.1": _GPT_5,
    "gpt-5.2": replace(_GPT_5, image=None),
    "gpt-5.": _GPT_5_4,
    "text-embedding-ada-002": _TEXT,
    "text-embedding-3": _TEXT,
    "davinci-002": _TEXT,
    "babbage-002": _TEXT,
    # Aliases that Azure (for text-embedding-ada-002) and OpenAI answer with. tiktoken maps them to
    # the retired GPT-3 models, whose count is 1 to 7 off what is billed.
    "ada": _TEXT,
    "curie": _TEXT,
    "babbage": _TEXT,
    "davinci": _TEXT,
}

# What a name nobody knows is counted as. No embeddings or legacy completions model that Azure
# still serves reads another encoding.
_FALLBACKS = {
    Metered.CHAT_COMPLETIONS: _GPT_4O,
    Metered.RESPONSES: _GPT_4O,
    Metered.COMPLETIONS: _TEXT,
    Metered.EMBEDDINGS: _TEXT,
}

_LONGEST_FIRST = sorted(_FAMILIES, key=len, reverse=True)


def model_encoding(model: str | None, metered: Metered) -> ModelEncoding:
    """
    Return how to count for a model, by the name the service gives it.

    Names may carry a date, a version or a fine-tuning suffix, and be spelt as Azure does
    (`gpt-35-turbo`). Of a deployment's name we know nothing.
    """
    name = _plain_name(model or "")
    for start in _LONGEST_FIRST:
        if _starts(name, start):
            return ModelEncoding(family=_FAMILIES[start], is_known=True)
    return ModelEncoding(family=_FALLBACKS[metered], is_known=False)


def _plain_name(model: str) -> str:
    # Azure allows no dot in the names of its first models.
    return model.lower().removeprefix("ft:").replace("gpt-35", "gpt-3.5", 1)


def _starts(name: str, start: str) -> bool:
    rest = name.removeprefix(start)
    if rest == name:
        return False
    return start.endswith((".", "-")) or not rest or rest.startswith(("-", ":", ".ft-"))
