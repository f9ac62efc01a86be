"""What tokens cost: exact, each token once, and unknown where a price or a count is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.deployment import DeploymentType, Tier
from shared.domain.pricing import (
    PRICE_DECIMALS,
    PRICE_LIMIT,
    Price,
    PricedCall,
    PriceTable,
    TokenClass,
    add_usd,
    cost_usd,
    decimal_text,
    tokens_by_class,
    usd_amount,
)
from shared.domain.usage_record import TokenUsage, UsageSource

DAY = date(2026, 11, 23)

# List prices per million tokens, Global Standard, in US dollars.
# https://azure.microsoft.com/pricing/details/cognitive-services/openai-service/
GPT_4O = {"prompt": "2.50", "cached": "1.25", "completion": "10.00"}
GPT_4O_AUDIO = {"prompt": "2.50", "completion": "10.00", "audio_prompt": "40.00", "audio_completion": "80.00"}
EMBEDDING_3_SMALL = {"prompt": "0.02"}
GPT_5_6_SOL = {"prompt": "5.00", "cached": "0.50", "cache_write": "6.25", "completion": "30.00"}


def price(rates: Mapping[str, str] = GPT_4O, **terms: Any) -> Price:
    usd = {TokenClass(name): Decimal(rate) for name, rate in rates.items()}
    return Price(**{"models": frozenset({"gpt-4o"}), "source": "test", **terms}, usd_per_million=usd)


def usage(**counts: Any) -> TokenUsage:
    return TokenUsage(**counts, source=UsageSource.REPORTED)


def call(**facts: Any) -> PricedCall:
    known: dict[str, Any] = {
        "deployment": "chat",
        "models": ("gpt-4o",),
        "type": DeploymentType.GLOBAL,
        "tier": Tier.STANDARD,
        "region": None,
        "prompt_tokens": 100,
        "day": DAY,
    }
    return PricedCall(**known | facts)


@pytest.mark.parametrize(
    ("rates", "used", "bill"),
    [
        # 0.8 M x 2.50 + 0.2 M x 1.25 + 0.1 M x 10.00
        (GPT_4O, {"prompt_tokens": 1_000_000, "cached_tokens": 200_000, "completion_tokens": 100_000}, "3.25"),
        # 9 x 2.50 + 3 x 10.00 millionths
        (GPT_4O, {"prompt_tokens": 9, "completion_tokens": 3}, "0.0000525"),
        # 300 x 10.00 millionths, though 256 of them nobody sees
        (GPT_4O, {"prompt_tokens": 0, "completion_tokens": 300, "reasoning_tokens": 256}, "0.003"),
        # 11 x 2.50 + 17 x 40 + 32 x 10 + 93 x 80 millionths; the counts are those of a recorded call
        (
            GPT_4O_AUDIO,
            {
                "prompt_tokens": 28,
                "audio_prompt_tokens": 17,
                "completion_tokens": 125,
                "audio_completion_tokens": 93,
            },
            "0.0084675",
        ),
        # 8 x 5.00 + 4,012 x 6.25 + 4 x 30.00 millionths; a recorded call
        (GPT_5_6_SOL, {"prompt_tokens": 4020, "cache_write_tokens": 4012, "completion_tokens": 4}, "0.025235"),
        (EMBEDDING_3_SMALL, {"prompt_tokens": 7}, "0.00000014"),
    ],
)
def test_a_bill_is_what_one_gets_by_hand(rates: Mapping[str, str], used: dict[str, int], bill: str) -> None:
    """To the last digit: what a float rounds away on a call is dollars in a year."""
    cost = cost_usd(usage(**used), price(rates))

    assert cost is not None
    assert decimal_text(cost) == bill


def test_cached_tokens_without_a_price_of_their_own_cost_what_the_prompt_does() -> None:
    """Azure has no cached meter for older models: it bills those tokens as any others."""
    plain, cached = (
        usage(prompt_tokens=100, completion_tokens=0),
        usage(prompt_tokens=100, completion_tokens=0, cached_tokens=60, cache_write_tokens=40),
    )
    rates = price({"prompt": "2.50", "completion": "10.00"})

    assert cost_usd(cached, rates) == cost_usd(plain, rates)


@pytest.mark.parametrize(
    ("used", "rates"),
    [
        (usage(), GPT_4O),
        (usage(prompt_tokens=1), GPT_4O),
        (usage(completion_tokens=1), GPT_4O),
        (usage(prompt_tokens=1, completion_tokens=1), EMBEDDING_3_SMALL),
        (usage(prompt_tokens=2, completion_tokens=1, audio_prompt_tokens=1), GPT_4O),
        (usage(prompt_tokens=2, completion_tokens=1, audio_completion_tokens=1), GPT_4O),
        (usage(prompt_tokens=2, completion_tokens=1, cached_tokens=2, audio_prompt_tokens=1), GPT_4O_AUDIO),
        (usage(prompt_tokens=2, completion_tokens=1, cached_tokens=3), GPT_4O),
    ],
)
def test_what_is_not_known_is_not_priced(used: TokenUsage, rates: Mapping[str, str]) -> None:
    """No count, no price for a class that was used, or parts that are more than the whole: never 0, never a guess."""
    assert cost_usd(used, price(rates)) is None


def test_nothing_used_costs_nothing() -> None:
    """That much is known."""
    assert cost_usd(usage(prompt_tokens=0, completion_tokens=0), price()) == 0


counts = st.integers(0, 2**62 - 1)
rates_known = st.fixed_dictionaries(
    {token_class: st.decimals(0, PRICE_LIMIT, places=PRICE_DECIMALS, allow_nan=False) for token_class in TokenClass}
)


@st.composite
def usages(draw: st.DrawFn) -> TokenUsage:
    """Return usage whose parts are parts."""
    parts = [draw(counts) // 4 for _ in range(4)]
    spoken = draw(counts) // 4
    prompt, completion = sum(parts), spoken + draw(counts) // 4
    return TokenUsage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
        cached_tokens=parts[0],
        cache_write_tokens=parts[1],
        audio_prompt_tokens=parts[2],
        audio_completion_tokens=spoken,
        reasoning_tokens=draw(st.integers(0, completion)),
        source=UsageSource.REPORTED,
    )


@given(usages())
def test_every_token_is_of_one_class(used: TokenUsage) -> None:
    """Cached and reasoning tokens are parts: whoever adds them bills them twice."""
    classes = tokens_by_class(used)

    assert classes is not None
    assert sum(classes.values()) == used.total_tokens
    assert all(count >= 0 for count in classes.values())


@given(usages(), rates_known)
def test_costs_are_exact_whatever_the_numbers(used: TokenUsage, rates: dict[TokenClass, Decimal]) -> None:
    """Compared with fractions, which know no rounding."""
    cost = cost_usd(used, Price(usd_per_million=rates, source="test"))
    classes = tokens_by_class(used)

    assert cost is not None
    assert classes is not None
    assert Fraction(cost) == sum(Fraction(rates[each]) * count / 1_000_000 for each, count in classes.items())


@given(st.lists(st.none() | st.decimals(0, 10**24, places=18)))
def test_sums_are_exact_in_any_order(amounts: list[Decimal | None]) -> None:
    """Python's own context keeps 28 digits, of whichever come first."""
    known = [amount for amount in amounts if amount is not None]
    for order in (amounts, amounts[::-1]):
        total: Decimal | None = None
        for amount in order:
            total = add_usd(total, amount)

        assert total == (sum(map(Fraction, known)) if known else None)


@given(st.decimals(0, 10**24, places=18))
def test_an_amount_comes_back_from_its_text(amount: Decimal) -> None:
    """The table keeps it as text."""
    text = decimal_text(amount)

    assert usd_amount(text) == amount
    assert "E" not in text


@pytest.mark.parametrize("text", ["", "NaN", "Infinity", "1e3", "-1", "0,5", "$1", " 1", "1.", ".5", "٣"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    """A NaN in one row would make one of every sum."""
    with pytest.raises(ValueError, match="not an amount"):
        usd_amount(text)


def found(calls: PricedCall, *prices: Price) -> str | None:
    price = PriceTable(prices).find(calls)
    return price.source if price else None


@pytest.mark.parametrize(
    ("day", "source"), [(date(2026, 6, 30), "old"), (date(2026, 7, 1), "new"), (date(2026, 12, 31), "new")]
)
def test_a_price_holds_from_its_day_on(day: date, source: str) -> None:
    """Azure changes prices on a day, at midnight UTC."""
    assert found(call(day=day), price(source="old"), price(source="new", begins=date(2026, 7, 1))) == source


def test_before_its_first_day_a_price_is_unknown() -> None:
    """Nobody said what it was."""
    assert found(call(day=date(2026, 6, 30)), price(begins=date(2026, 7, 1))) is None


@pytest.mark.parametrize(("prompt_tokens", "source"), [(0, "short"), (272_000, "short"), (272_001, "long")])
def test_a_long_prompt_has_its_own_price(prompt_tokens: int, source: str) -> None:
    """Azure bills the whole call at it, not only what is above."""
    prices = price(source="short"), price(source="long", above_prompt_tokens=272_000)

    assert found(call(prompt_tokens=prompt_tokens), *prices) == source


def test_a_price_for_long_prompts_outlives_a_newer_one_for_short() -> None:
    """The one says nothing of the other."""
    prices = price(source="short", begins=DAY), price(source="long", above_prompt_tokens=272_000)

    assert found(call(prompt_tokens=300_000), *prices) == "long"


@pytest.mark.parametrize(
    "other",
    [
        {"type": DeploymentType.DATA_ZONE},
        {"tier": Tier.BATCH},
        {"models": frozenset({"gpt-4o-mini"})},
        {"regions": frozenset({"swedencentral"})},
    ],
)
def test_a_price_of_something_else_does_not_hold(other: dict[str, Any]) -> None:
    """Data Zone is dearer, batch half the price: none stands in for another."""
    assert found(call(), price(**other)) is None


def test_regions_may_differ() -> None:
    """Regional and Data Zone prices do: where the region is not known, neither is the price."""
    prices = [price(source=region, regions=frozenset({region})) for region in ("eastus", "northeurope")]

    assert found(call(region="northeurope"), *prices) == "northeurope"
    assert found(call(region=None), *prices) is None


@pytest.mark.parametrize("model", ["gpt-4o", "GPT-4o", "gpt-4o-2024-08-06"])
def test_a_model_is_found_with_the_date_of_its_version(model: str) -> None:
    """Answers name the version; most versions of a model cost the same."""
    assert found(call(models=(model,)), price()) == "test"


def test_a_version_with_prices_of_its_own_has_no_others() -> None:
    """The first gpt-4o cost twice as much."""
    own = price(source="own", models=frozenset({"gpt-4o-2024-05-13"}))
    first = call(models=("gpt-4o-2024-05-13",))

    assert found(first, price(), own) == "own"
    assert found(call(models=("gpt-4o-2024-05-13",), tier=Tier.BATCH), price(tier=Tier.BATCH), own) is None


@pytest.mark.parametrize("model", ["gpt-4o-mini", "ft:gpt-4o-2024-08-06:contoso", "gpt-4o-2024-08-06.ft-1", "our-chat"])
def test_what_only_looks_like_a_model_has_no_price(model: str) -> None:
    """Fine-tuned models are dearer, and a deployment may be named anything."""
    assert found(call(models=(model,)), price()) is None


def test_azures_spelling_of_its_first_models_is_understood() -> None:
    """It allows no dot."""
    assert found(call(models=("gpt-35-turbo",)), price(models=frozenset({"gpt-3.5-turbo"}))) == "test"
    assert found(call(models=("gpt-3.5-turbo",)), price(models=frozenset({"gpt-35-turbo"}))) == "test"


def test_a_deployments_own_price_goes_before_its_models() -> None:
    """It was negotiated."""
    own = price(source="own", models=frozenset(), deployment="Chat", begins=date(2026, 1, 1))

    assert found(call(), price(), own) == "own"
    assert found(call(deployment="other"), price(), own) == "test"
