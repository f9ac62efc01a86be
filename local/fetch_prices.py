"""Makes the price list that ships in shared/adapters/prices: `python -m local.fetch_prices [--live]`.

From two packages of the development group, which therefore nothing needs at run time: Azure's own retail
prices as azure-genai-prices read them (or, with `--live`, reads them now), and where Azure's list has no
Global Standard price of a model, OpenAI's from genai-prices.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from importlib.metadata import version
from typing import Any

from azure_genai_prices import Meter, store
from azure_genai_prices.types import DEFAULT_LONG_CONTEXT_THRESHOLD, PriceKind
from genai_prices.data import providers
from genai_prices.types import (
    ClauseEquals,
    ClauseOr,
    ConditionalPrice,
    MatchLogic,
    ModelInfo,
    ModelPrice,
    StartDateConstraint,
    TieredPrices,
)

from shared.adapters.json_prices import SHIPPED_PRICES
from shared.domain.deployment import DeploymentType, Tier
from shared.domain.pricing import TokenClass, decimal_text

Row = dict[str, Any]
_Rates = dict[TokenClass, Decimal]
# Of one deployment type and tier, and for prompts above so many tokens.
_Terms = tuple[DeploymentType, Tier, int]

_MILLION = Decimal(1_000_000)

_TYPES = {
    "global": DeploymentType.GLOBAL,
    "data_zone": DeploymentType.DATA_ZONE,
    "regional": DeploymentType.REGIONAL,
}
_ABOVE = {"short": 0, "long": DEFAULT_LONG_CONTEXT_THRESHOLD}
_CLASSES = {
    PriceKind.INPUT.value: TokenClass.PROMPT,
    PriceKind.CACHE_READ.value: TokenClass.CACHED,
    PriceKind.CACHE_WRITE.value: TokenClass.CACHE_WRITE,
    PriceKind.OUTPUT.value: TokenClass.COMPLETION,
}
_AUDIO_CLASSES = {
    PriceKind.INPUT.value: TokenClass.AUDIO_PROMPT,
    PriceKind.OUTPUT.value: TokenClass.AUDIO_COMPLETION,
}

# Meters whose models answer to their meter's name, and within them what is billed by more than tokens of text.
_NAMED_LIKE_METER = re.compile(
    r"(gpt-4\.1|gpt-5|o\d|text-embedding|codex-mini|deepseek|grok|kimi|llama|mistral|mai-ds)[\w.-]*"
)
_OTHERWISE_BILLED = re.compile(r"(^|-)(ft|rft|dev|grdr|ccchd)(-|$)")

# Meters that do not go by the name that answers give the model: those of the first models and of versions.
_METER_MODELS = {
    "gpt-35-turbo4k": ["gpt-3.5-turbo-0613", "gpt-3.5-turbo-0301"],
    "gpt-35-turbo-4k": ["gpt-3.5-turbo-0613", "gpt-3.5-turbo-0301"],
    "gpt-35-turbo16k": ["gpt-3.5-turbo-16k", "gpt-3.5-turbo-16k-0613"],
    "gpt-35-turbo-16k": ["gpt-3.5-turbo-16k", "gpt-3.5-turbo-16k-0613"],
    "gpt-35-turbo16k-0125": ["gpt-3.5-turbo-0125"],
    "gpt-35-turbo-16k-0125": ["gpt-3.5-turbo-0125"],
    "gpt-35-turbo16k-1106": ["gpt-3.5-turbo-1106"],
    "gpt-35-turbo-16k-1106": ["gpt-3.5-turbo-1106"],
    "gpt-35-turbo-instruct": ["gpt-3.5-turbo-instruct", "gpt-3.5-turbo-instruct-0914"],
    "gpt-4-8k": ["gpt-4", "gpt-4-0613", "gpt-4-0314"],
    "gpt-4-32k": ["gpt-4-32k", "gpt-4-32k-0613", "gpt-4-32k-0314"],
    "gpt-4-turbo128k": ["gpt-4-turbo", "gpt-4-0125-preview", "gpt-4-1106-preview"],
    "gpt-4-turbo-128k": ["gpt-4-turbo", "gpt-4-0125-preview", "gpt-4-1106-preview"],
    "gpt-4.5-0227": ["gpt-4.5-preview"],
    "gpt-4o": ["gpt-4o", "gpt-4o-2024-08-06"],
    "gpt-4o-0513": ["gpt-4o-2024-05-13"],
    "gpt-4o-1120": ["gpt-4o-2024-11-20"],
    "gpt-4o-mini-0718": ["gpt-4o-mini"],
    "o1": [],  # what o1-1217 says too
    "o1-1217": ["o1"],
    "o3-0416": ["o3"],
    "o3-deep-research-0626": ["o3-deep-research"],
    "o3-mini-0131": ["o3-mini"],
    "o4-mini-0416": ["o4-mini"],
    "oss-120b": ["gpt-oss-120b"],
    "text-embedding-ada-002": ["text-embedding-ada-002", "text-embedding-ada-002-v2", "ada"],
}

# Models that hear and speak: the meter of their audio tokens; that of their text is named so with "-txt".
_AUDIO_METERS = {
    "gpt-4o-aud-1217": ["gpt-4o-audio-preview"],
    "gpt-4o-aud-0603": ["gpt-4o-audio-preview-2025-06-03"],
    "gpt4omini-aud1217": ["gpt-4o-mini-audio-preview"],
    "aud-0828": ["gpt-audio"],
    "aud-1.5": ["gpt-audio-1.5"],
    "aud-mini": ["gpt-audio-mini"],
}

# What OpenAI's list has that is billed by more than the tokens we count, that others sell, or that others spell so.
_LEFT_OUT = re.compile(
    r":|\.ft-|image|realtime|live|transcribe|tts|whisper|moderation|computer-use|gpt-oss|^gpt-\d-\d(-|$)"
)

_VERSION = re.compile(r"-\d{4}-\d{2}-\d{2}$")


def main() -> None:
    """Write the price list anew."""
    if "--live" in sys.argv[1:]:
        store.refresh_from_azure()
    rows = price_rows(store.get_table(), _as_of(store.get_source()))
    lines = ",\n".join(json.dumps(row, sort_keys=True) for row in rows)
    SHIPPED_PRICES.write_text(f"[\n{lines}\n]\n")
    print(f"{len(rows)} prices")


def price_rows(meters: Mapping[tuple[Any, ...], Meter], as_of: str) -> list[Row]:
    """Return the list, as `shipped_prices` reads it: Azure's prices, then OpenAI's of what Azure's do not name."""
    azure = list(_azure_rows(meters, f"Azure retail prices {as_of}"))
    named = {model for row in azure if (row["type"], row["tier"]) == ("global", "standard") for model in row["models"]}
    return azure + list(_openai_rows(named, f"genai-prices {version('genai-prices')}"))


def _as_of(source: str) -> str:
    """Return the day of azure-genai-prices' data: it says when it fetched what it ships."""
    shipped = re.search(r"\d{4}-\d{2}-\d{2}", source)
    return shipped.group() if shipped else date.today().isoformat()  # noqa: DTZ011 - a day, for people


def _azure_rows(meters: Mapping[tuple[Any, ...], Meter], source: str) -> Iterator[Row]:
    by_model: dict[tuple[str, ...], dict[_Terms, dict[TokenClass, Meter]]] = defaultdict(lambda: defaultdict(dict))
    for (name, kind, deployment, mode, context), meter in sorted(meters.items()):
        models, classes = _models_of(name)
        if models and kind in classes:
            terms = _TYPES[deployment], Tier(mode), _ABOVE[context]
            by_model[models][terms][classes[kind]] = meter
    for models, of_terms in by_model.items():
        for (kind_of_deployment, tier, above), priced in of_terms.items():
            # A long prompt costs what a short one does where Azure has no meter of its own for it.
            all_classes = of_terms[kind_of_deployment, tier, 0] | priced
            for rates, regions in _by_region(all_classes):
                yield _row(models, kind_of_deployment, tier, above, rates, source, regions=regions)


def _models_of(meter: str) -> tuple[tuple[str, ...], Mapping[str, TokenClass]]:
    if meter in _AUDIO_METERS:
        return tuple(_AUDIO_METERS[meter]), _AUDIO_CLASSES
    text_of = meter.removesuffix("-txt")
    if text_of != meter:
        return tuple(_AUDIO_METERS.get(text_of, ())), _CLASSES
    if meter in _METER_MODELS:
        return tuple(_METER_MODELS[meter]), _CLASSES
    is_named = _NAMED_LIKE_METER.fullmatch(meter) and not _OTHERWISE_BILLED.search(meter)
    return ((meter,) if is_named else ()), _CLASSES


def _by_region(meters: Mapping[TokenClass, Meter]) -> Iterator[tuple[_Rates, Sequence[str] | None]]:
    """Yield the rates and the regions they hold in, None where all regions agree."""
    regions = sorted({region for meter in meters.values() for region in meter.region_prices})
    alike: dict[tuple[tuple[TokenClass, Decimal], ...], list[str]] = {}
    for region in regions:
        rates = {token_class: _rate(meter, region) for token_class, meter in meters.items()}
        if rates.get(TokenClass.PROMPT) is not None:
            known = tuple((token_class, rate) for token_class, rate in rates.items() if rate is not None)
            alike.setdefault(known, []).append(region)
    for known, where in alike.items():
        yield dict(known), where if len(alike) > 1 else None


def _rate(meter: Meter, region: str) -> Decimal | None:
    """Return US dollars per million in a region, also in one the meter does not name if all others agree."""
    prices = set(meter.region_prices.values())
    price = meter.region_prices.get(region) or (prices.pop() if len(prices) == 1 else None)
    return price * _MILLION if price is not None else None


def _openai_rows(named: set[str], source: str) -> Iterator[Row]:
    for provider in providers:
        if provider.id != "openai":
            continue
        for model in provider.models:
            names = [name for name in _names(model) if name not in named]
            for begins, prices in _dated(model) if names else ():
                for above in sorted({0, *_starts(prices)}):
                    rates = _openai_rates(prices, above)
                    if TokenClass.PROMPT in rates:
                        yield _row(names, DeploymentType.GLOBAL, Tier.STANDARD, above, rates, source, begins=begins)


def _names(model: ModelInfo) -> list[str]:
    """Return the names of a model, without those that are only a version of it: a price holds for all of them."""
    names = (_VERSION.sub("", name) for name in (model.id, *_equal_to(model.match)))
    return sorted({name for name in names if not _LEFT_OUT.search(name)})


def _equal_to(match: MatchLogic) -> Iterator[str]:
    if isinstance(match, ClauseEquals):
        yield match.equals
    elif isinstance(match, ClauseOr):
        for clause in match.or_:
            yield from _equal_to(clause)


def _dated(model: ModelInfo) -> Iterator[tuple[date | None, ModelPrice]]:
    if isinstance(model.prices, ModelPrice):
        yield None, model.prices
        return
    for price in model.prices:
        yield _start(price), price.prices


def _start(price: ConditionalPrice) -> date | None:
    if price.constraint is None:
        return None
    if isinstance(price.constraint, StartDateConstraint):
        return price.constraint.start_date
    raise SystemExit(f"a price that holds at some hours of the day is not understood: {price}")


_OPENAI_RATES = {
    "input_mtok": TokenClass.PROMPT,
    "cache_read_mtok": TokenClass.CACHED,
    "cache_write_mtok": TokenClass.CACHE_WRITE,
    "input_audio_mtok": TokenClass.AUDIO_PROMPT,
    "output_mtok": TokenClass.COMPLETION,
    "output_audio_mtok": TokenClass.AUDIO_COMPLETION,
}


def _starts(prices: ModelPrice) -> Iterator[int]:
    for name in _OPENAI_RATES:
        price = getattr(prices, name)
        if isinstance(price, TieredPrices):
            yield from (tier.start for tier in price.tiers)


def _openai_rates(prices: ModelPrice, above: int) -> _Rates:
    rates = {token_class: getattr(prices, name) for name, token_class in _OPENAI_RATES.items()}
    return {token_class: _at(price, above) for token_class, price in rates.items() if price is not None}


def _at(price: Decimal | TieredPrices, above: int) -> Decimal:
    """Return the price of prompts of more than `above` tokens."""
    if isinstance(price, Decimal):
        return price
    return next((tier.price for tier in reversed(price.tiers) if tier.start <= above), price.base)


def _row(
    models: Sequence[str],
    kind: DeploymentType,
    tier: Tier,
    above: int,
    rates: _Rates,
    source: str,
    *,
    regions: Sequence[str] | None = None,
    begins: date | None = None,
) -> Row:
    row: Row = {"models": list(models), "type": kind, "tier": tier, "source": source}
    row |= {token_class: decimal_text(rate) for token_class, rate in rates.items()}
    if above:
        row["above_prompt_tokens"] = above
    if regions:
        row["regions"] = list(regions)
    if begins:
        row["from"] = begins.isoformat()
    return row


if __name__ == "__main__":
    main()
