"""Images and sounds in a message."""

from __future__ import annotations

import binascii
from dataclasses import dataclass
from fractions import Fraction

from shared.domain.counting.count import Count, Uncounted, lower_bound, unknown
from shared.domain.counting.json_values import JsonObject, object_of, text_of
from shared.domain.counting.rules import Rules
from shared.domain.image_price import SMALLEST, ImageSize
from shared.domain.image_size import HEADER_BYTES, image_size
from shared.domain.mp3_duration import mp3_seconds
from shared.domain.operation import Metered
from shared.domain.wav_duration import wav_seconds

# As recorded files are billed: the sound by its length, and what frames it as text.
_TOKENS_PER_SECOND = 10
_AUDIO_FRAME_TOKENS = 4


@dataclass(frozen=True, slots=True)
class _File:
    """The first bytes of a file, and how many it has."""

    header: bytes
    size: int


def count_image(part: JsonObject, rules: Rules) -> Count:
    """
    Return the tokens of an image, by its size and detail. None is ever fetched.

    One whose size is not in the request, as it is named by a URL or an id, costs at least what
    the smallest does.
    """
    price = rules.family.image
    if price is None:
        return lower_bound(0, Uncounted.IMAGES)
    url, detail = _image(part)
    if detail == "low" and price.low_detail is not None:
        return Count(price.low_detail)
    size = _size_of(url)
    if size is None:
        return lower_bound(price.of(SMALLEST) - price.frame, Uncounted.IMAGES)
    # What frames an image was not found out here: none of six recorded calls fits.
    if rules.family.reads_harmony and rules.metered is Metered.RESPONSES:
        return lower_bound(price.of(size) - price.frame, Uncounted.IMAGES)
    return Count(price.of(size))


def _image(part: JsonObject) -> tuple[str, str]:
    """Return URL and detail, in either dialect."""
    inner = object_of(part.get("image_url"))
    url = text_of(inner.get("url")) or text_of(part.get("image_url"))
    return url, text_of(inner.get("detail")) or text_of(part.get("detail"))


def _size_of(url: str) -> ImageSize | None:
    head, _, data = url.partition(",")
    if not (head.startswith("data:") and head.endswith(";base64")):
        return None
    file = _read(data)
    return image_size(file.header) if file else None


def count_audio(part: JsonObject) -> Count:
    """Return the tokens of a sound, by the length that its WAV or MP3 file says it has."""
    file = _read(text_of(object_of(part.get("input_audio")).get("data")))
    seconds = _seconds(file) if file else None
    if seconds is None:
        return unknown(Uncounted.AUDIO)
    return Count(int(seconds * _TOKENS_PER_SECOND) + _AUDIO_FRAME_TOKENS)


def _seconds(file: _File) -> Fraction | None:
    seconds = wav_seconds(file.header, file.size)
    return mp3_seconds(file.header, file.size) if seconds is None else seconds


def _read(base64: str) -> _File | None:
    """Return the beginning of a file. Four characters are three bytes."""
    try:
        header = binascii.a2b_base64(base64[: HEADER_BYTES // 3 * 4])
    except (binascii.Error, ValueError):
        return None
    return _File(header, len(base64) * 3 // 4 - base64[-2:].count("="))
