"""Which family a model is of, by the name the service gives it."""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.model_families import FAMILIES, GPT_4O, TEXT
from shared.domain.model_family import Encoding, ModelFamily
from shared.domain.operation import Metered


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEncoding:
    """How to count for a model. `is_known` is False where we fell back."""

    family: ModelFamily
    is_known: bool

    @property
    def encoding(self) -> Encoding:
        """The encoding of the family."""
        return self.family.encoding


# What a name nobody knows is counted as. No embeddings or legacy completions model that Azure
# still serves reads another encoding.
_FALLBACKS = {
    Metered.CHAT_COMPLETIONS: GPT_4O,
    Metered.RESPONSES: GPT_4O,
    Metered.COMPLETIONS: TEXT,
    Metered.EMBEDDINGS: TEXT,
}

_LONGEST_FIRST = sorted(FAMILIES, key=len, reverse=True)


def model_encoding(model: str | None, metered: Metered) -> ModelEncoding:
    """
    Return how to count for a model, by the name the service gives it.

    Names may carry a date, a version or a fine-tuning suffix, and be spelt as Azure does
    (`gpt-35-turbo`). Of a deployment's name we know nothing.
    """
    name = _plain_name(model or "")
    for start in _LONGEST_FIRST:
        if _starts(name, start):
            return ModelEncoding(family=FAMILIES[start], is_known=True)
    return ModelEncoding(family=_FALLBACKS[metered], is_known=False)


def _plain_name(model: str) -> str:
    # Azure allows no dot in the names of its first models.
    return model.lower().removeprefix("ft:").replace("gpt-35", "gpt-3.5", 1)


def _starts(name: str, start: str) -> bool:
    rest = name.removeprefix(start)
    if rest == name:
        return False
    return start.endswith((".", "-")) or not rest or rest.startswith(("-", ":", ".ft-"))
