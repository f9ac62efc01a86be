"""Which encoding a model reads and writes, and what its family adds to the text it is sent."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.domain.operation import Metered


class Encoding(StrEnum):
    """A vocabulary of tiktoken, by its official name."""

    CL100K_BASE = "cl100k_base"
    O200K_BASE = "o200k_base"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFamily:
    """
    Models that count alike. All numbers are tokens.

    `turn_tokens` frame every message, `assistant_tokens` come on top where it is one of the
    assistant's; `priming_tokens` open the reply. Where the model stops of itself, the chat
    answer ends in `chat_end_tokens` (and `azure_end_tokens` where Azure serves it), the
    Responses answer in `responses_end_tokens`. A family that `reasons` bills tokens nobody sees.
    """

    encoding: Encoding
    turn_tokens: int = 3
    assistant_tokens: int = 0
    priming_tokens: int = 3
    chat_end_tokens: int = 0
    azure_end_tokens: int = 0
    responses_end_tokens: int = 1
    reasons: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEncoding:
    """How to count for a model. `is_known` is False where we fell back."""

    family: ModelFamily
    is_known: bool

    @property
    def encoding(self) -> Encoding:
        """The encoding of the family."""
        return self.family.encoding


# The numbers were fitted on 3,118 recorded calls of Azure OpenAI and OpenAI with the usage billed
# (exact for 99 % of plain chat prompts). Turns and priming also stand in OpenAI's cookbook:
# https://github.com/openai/openai-cookbook/blob/main/examples/How_to_count_tokens_with_tiktoken.ipynb
_GPT_4 = ModelFamily(encoding=Encoding.CL100K_BASE)

# Azure bills the token that ends an answer, OpenAI does not: 34 of 36 recorded Azure answers.
_GPT_4O = ModelFamily(encoding=Encoding.O200K_BASE, azure_end_tokens=1)

# These read OpenAI's Harmony format, where "<|start|>assistant" opens the reply and a past answer
# names its channel: https://developers.openai.com/cookbook/articles/openai-harmony
# What ends an answer is only known next to hidden reasoning, so that it is left out.
_O_SERIES = ModelFamily(
    encoding=Encoding.O200K_BASE, assistant_tokens=2, priming_tokens=2, responses_end_tokens=0, reasons=True
)
_GPT_5 = ModelFamily(
    encoding=Encoding.O200K_BASE,
    assistant_tokens=2,
    priming_tokens=2,
    chat_end_tokens=9,
    azure_end_tokens=1,
    responses_end_tokens=4,
    reasons=True,
)
_GPT_5_4 = ModelFamily(
    encoding=Encoding.O200K_BASE,
    assistant_tokens=2,
    priming_tokens=2,
    chat_end_tokens=3,
    azure_end_tokens=1,
    responses_end_tokens=4,
    reasons=True,
)

# Embeddings and legacy completions send bare text: their family is its encoding.
_TEXT = ModelFamily(encoding=Encoding.CL100K_BASE)

# A row is the start of a model's name, up to a dash, a colon or its end; one that ends in "." or
# "-" takes whatever follows. Encodings as in tiktoken 0.14.0, tiktoken/model.py, but where noted.
_FAMILIES = {
    "gpt-3.5": _GPT_4,
    "gpt-4": _GPT_4,
    "gpt-4.": _GPT_4O,
    "gpt-4o": _GPT_4O,
    "chatgpt-4o": _GPT_4O,
    "gpt-audio": _GPT_4O,  # not in tiktoken; its recorded text is gpt-4o's
    "o1-mini": _GPT_4O,  # its recorded prompts are ChatML, unlike those of the later o-series
    "o1-preview": _GPT_4O,  # released with o1-mini
    "o1": _O_SERIES,
    "o3": _O_SERIES,
    "o4-mini": _O_SERIES,
    "gpt-5": _GPT_5,
    "gpt-5.1": _GPT_5,
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
