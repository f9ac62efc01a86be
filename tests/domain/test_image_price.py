from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.image_price import SMALLEST, ImageSize, PatchPrice, TilePrice

GPT_4O = TilePrice(base=85, tile=170)
ONE = PatchPrice(multiplier=Decimal(1), frame=0)
SIDES = st.integers(min_value=1, max_value=100_000)


@pytest.mark.parametrize(
    ("width", "height", "tokens"),
    [(1, 1, 255), (640, 480, 425), (1024, 1024, 765), (2048, 4096, 1105), (3008, 2000, 1105), (512, 512, 255)],
)
def test_tiles_are_counted_after_scaling(width: int, height: int, tokens: int) -> None:
    """The guide's examples, and what was billed for three recorded pictures."""
    assert GPT_4O.of(ImageSize(width=width, height=height)) == tokens


@pytest.mark.parametrize(
    ("width", "height", "patches"), [(1, 1, 1), (1024, 1024, 1024), (33, 32, 2), (1800, 2400, 1452), (2048, 2048, 1521)]
)
def test_patches_are_counted_up_to_their_most(width: int, height: int, patches: int) -> None:
    """The guide's examples: 1800 x 2400 is scaled down to 33 x 44 patches."""
    assert ONE.of(ImageSize(width=width, height=height)) == patches


def test_a_price_is_rounded_up_once() -> None:
    """0.1 has no exact binary form: 300 patches at 1.2 are 360, not 361."""
    assert PatchPrice(multiplier=Decimal("1.2")).of(ImageSize(width=640, height=480)) == 360 + 1


@given(SIDES, SIDES, st.sampled_from([GPT_4O, ONE]))
def test_no_picture_is_cheaper_than_the_smallest_or_dearer_than_the_dearest(
    width: int, height: int, price: TilePrice | PatchPrice
) -> None:
    """Long strips and huge squares too: a lower bound must hold for all."""
    most = 85 + 170 * 8 if price is GPT_4O else 1536

    assert price.of(SMALLEST) <= price.of(ImageSize(width=width, height=height)) <= most
