"""What tokens cost, in exact decimals: each token once, and what has no price is not free but unknown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from enum import StrEnum

from shared.domain.deployment import DeploymentType, Tier
from shared.domain.usage_record import TokenUsage

# Any count (below 2**63) times any price (PRICE_LIMIT, PRICE_DECIMALS) takes 37 digits; the rest is
# room for sums. Should it ever not do, that is an error and not a rounded bill.
_EXACT = Context(prec=80, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])

PRICE_LIMIT = 1_000_000
PRICE_DECIMALS = 12
_PER_MILLION = -6

_USD = re.compile(r"\d{1,40}(\.\d{1,40})?", re.ASCII)
_VERSION_DATE = re.compile(r"-\d{4}-\d{2}-\d{2}$", re.ASCII)


class TokenClass(StrEnum):
    """What a token is billed as. Reasoning is completion."""

    PROMPT = "prompt"
    CACHED = "cached"
    CACHE_WRITE = "cache_write"
    AUDIO_PROMPT = "audio_prompt"
    COMPLETION = "completion"
    AUDIO_COMPLETION = "audio_completion"


# A model that has no price for these bills them as any other token of the prompt.
_BILLED_AS_PROMPT = frozenset({TokenClass.CACHED, TokenClass.CACHE_WRITE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """
    What tokens of a model, or of one deployment, cost: US dollars per million, by class.

    It holds for calls from the day `begins` (UTC) on, with more than `above_prompt_tokens`, of that
    `type` and `tier`, in those `regions`. None means that it holds for any. `source` says whose price it is.
    """

    models: frozenset[str] = frozenset()
    deployment: str | None = None
    type: DeploymentType | None = None
    tier: Tier = Tier.STANDARD
    above_prompt_tokens: int = 0
    regions: frozenset[str] | None = None
    begins: date | None = None
    usd_per_million: Mapping[TokenClass, Decimal]
    source: str

    def rate(self, token_class: TokenClass) -> Decimal | None:
        """Return what a million tokens of a class cost, None where that is not known."""
        if token_class in _BILLED_AS_PROMPT and token_class not in self.usd_per_million:
            return self.usd_per_million.get(TokenClass.PROMPT)
        return self.usd_per_million.get(token_class)


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedCall:
    """What decides the price of a call. `models` are the names its model may go by, the surest first."""

    deployment: str | None
    models: tuple[str, ...]
    type: DeploymentType
    tier: Tier
    region: str | None
    prompt_tokens: int
    day: date


class PriceTable:
    """Finds prices: that of the deployment before that of its model, and of several the most particular."""

    def __init__(self, prices: Iterable[Price]) -> None:
        self._of_deployment: dict[str, list[Price]] = {}
        self._of_model: dict[str, list[Price]] = {}
        for price in sorted(prices, key=_particularity, reverse=True):
            if price.deployment is not None:
                self._of_deployment.setdefault(price.deployment.lower(), []).append(price)
            for model in price.models:
                self._of_model.setdefault(_plain_name(model), []).append(price)

    def find(self, call: PricedCall) -> Price | None:
        """Return the price of a call, None where none is known."""
        of_deployment = self._of_deployment.get((call.deployment or "").lower(), [])
        return next((price for price in [*of_deployment, *self._prices_of(call.models)] if _holds(price, call)), None)

    def _prices_of(self, models: Iterable[str]) -> Sequence[Price]:
        """Return the prices of the first model that is known by name, though none of them need hold."""
        names = (name for model in models for name in _names(model))
        return next((self._of_model[name] for name in names if name in self._of_model), ())


def _particularity(price: Price) -> tuple[bool, bool, int, date]:
    return price.type is not None, price.regions is not None, price.above_prompt_tokens, price.begins or date.min


def _names(model: str) -> tuple[str, ...]:
    """Return the names a model's price may stand under: its own, and that without the date of its version."""
    name = _plain_name(model)
    return name, _VERSION_DATE.sub("", name)


def _plain_name(model: str) -> str:
    # Azure allows no dot in the names of its first models.
    return model.lower().replace("gpt-35", "gpt-3.5", 1)


def _holds(price: Price, call: PricedCall) -> bool:
    return (
        price.type in {None, call.type}
        and price.tier is call.tier
        and (price.begins is None or price.begins <= call.day)
        and (price.regions is None or call.region in price.regions)
        and (price.above_prompt_tokens == 0 or price.above_prompt_tokens < call.prompt_tokens)
    )


def cost_usd(usage: TokenUsage, price: Price) -> Decimal | None:
    """Return what a call's tokens cost, exact; None where a count or the price of what was used is not known."""
    if usage.completion_tokens is None and price.rate(TokenClass.COMPLETION) is not None:
        return None
    counts = tokens_by_class(usage)
    if counts is None:
        return None
    total = Decimal(0)
    for token_class, count in counts.items():
        rate = price.rate(token_class)
        if rate is not None:
            total = _EXACT.fma(rate, count, total)
        elif count:
            return None
    return _EXACT.normalize(_EXACT.scaleb(total, _PER_MILLION))


def tokens_by_class(usage: TokenUsage) -> dict[TokenClass, int] | None:
    """
    Return every token of a call in the one class it is billed as.

    None where the prompt is not known, or the parts are more than the whole: then some token is of two
    classes (as cached audio is), and nobody says how many.
    """
    if usage.prompt_tokens is None:
        return None
    prompt_parts = {
        TokenClass.CACHED: usage.cached_tokens or 0,
        TokenClass.CACHE_WRITE: usage.cache_write_tokens or 0,
        TokenClass.AUDIO_PROMPT: usage.audio_prompt_tokens or 0,
    }
    completion_parts = {TokenClass.AUDIO_COMPLETION: usage.audio_completion_tokens or 0}
    counts = {
        TokenClass.PROMPT: usage.prompt_tokens - sum(prompt_parts.values()),
        TokenClass.COMPLETION: (usage.completion_tokens or 0) - sum(completion_parts.values()),
        **prompt_parts,
        **completion_parts,
    }
    return counts if all(count >= 0 for count in counts.values()) else None


def usd_of(count: int, usd_per_million: Decimal) -> Decimal:
    """Return what so many tokens cost, exact."""
    return _EXACT.normalize(_EXACT.scaleb(_EXACT.multiply(usd_per_million, count), _PER_MILLION))


def millions(count: int) -> Decimal:
    """Return a count in millions, exact."""
    return _EXACT.normalize(_EXACT.scaleb(Decimal(count), _PER_MILLION))


def add_usd(known: Decimal | None, more: Decimal | None) -> Decimal | None:
    """Return the exact sum of what is known, None where nothing is."""
    if known is None or more is None:
        return more if known is None else known
    return _EXACT.add(known, more)


def decimal_text(number: Decimal) -> str:
    """Return a number in full, without an exponent and without zeros at its end."""
    return format(_EXACT.normalize(number), "f")


def usd_amount(text: str) -> Decimal:
    """Return the amount that `decimal_text` wrote. Raises ValueError."""
    if not _USD.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not an amount of US dollars")
    return Decimal(text)
