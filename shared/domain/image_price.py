"""What an image costs, by its size. Sizes are pixels, prices are tokens."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

_TILE = 512
_LONGEST_SIDE = 2048
_SHORT_SIDE = 768
_PATCH = 32
_MOST_PATCHES = 1536


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSize:
    """Width and height, in pixels. Neither is 0."""

    width: int
    height: int


# What an image that is not seen costs at least.
SMALLEST = ImageSize(width=1, height=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TilePrice:
    """
    Images that are scaled down, cut into squares, and billed by the square; `low` detail bills none.

    https://platform.openai.com/docs/guides/images-vision#calculating-costs
    """

    base: int
    tile: int
    frame: int = 0

    @property
    def low_detail(self) -> int:
        """The price of an image of any size in low detail."""
        return self.base

    def of(self, size: ImageSize) -> int:
        """Return the price of an image in high detail, which is also what `auto` takes."""
        scale = min(1.0, _LONGEST_SIDE / max(size.width, size.height))
        scale = min(scale, _SHORT_SIDE / min(size.width, size.height))
        tiles = math.ceil(round(size.width * scale) / _TILE) * math.ceil(round(size.height * scale) / _TILE)
        return self.base + self.tile * max(tiles, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchPrice:
    """
    Images that are covered with small squares, of which each costs `multiplier`.

    `frame` goes round an image; the guide does not name it, the bills have it.
    """

    multiplier: Decimal
    frame: int = 1

    @property
    def low_detail(self) -> int | None:
        """Not known: the guide names one budget for all of them, recorded calls have none."""
        return None

    def of(self, size: ImageSize) -> int:
        """Return the price of an image."""
        return math.ceil(_patches(size) * self.multiplier) + self.frame


ImagePrice = TilePrice | PatchPrice


def _patches(size: ImageSize) -> int:
    columns, rows = size.width / _PATCH, size.height / _PATCH
    if math.ceil(columns) * math.ceil(rows) <= _MOST_PATCHES:
        return math.ceil(columns) * math.ceil(rows)
    # Scaled down to the most patches there may be, and then so that a whole number of them fits.
    scale = math.sqrt(_MOST_PATCHES / (columns * rows))
    columns, rows = columns * scale, rows * scale
    fit = min(_whole(columns) / columns, _whole(rows) / rows)
    return min(math.ceil(columns * fit - 1e-9) * math.ceil(rows * fit - 1e-9), _MOST_PATCHES)


def _whole(patches: float) -> int:
    return max(math.floor(patches), 1)
