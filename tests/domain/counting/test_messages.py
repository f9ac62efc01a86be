from __future__ import annotations

import base64
from datetime import date
from typing import Any

import pytest

from shared.domain.counting.count import Count, Uncounted
from tests.domain.counting import chat, function, response
from tests.domain.media_files import mp3, png, wav

USER = {"role": "user", "content": "hi"}


def data_url(file: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(file).decode()


def pictured(url: str, **members: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url, **members}}]}]


def heard(data: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}]}]


FRAME = 3 + 1 + 3


@pytest.mark.parametrize(
    ("model", "tokens"),
    [
        ("gpt-4o", 425),
        ("gpt-4o-mini", 14167),
        ("gpt-4.1-mini", 488),
        ("gpt-4.1", 425),
        ("gpt-4-turbo", 425),
        ("o4-mini", 517 - 1),
        ("gpt-5", 350 - 1),
        ("gpt-5-mini", 361 - 1),
        ("gpt-5-nano", 451 - 1),
    ],
)
def test_an_image_is_billed_by_its_size(model: str, tokens: int) -> None:
    """One of 640 x 480, as recorded. Reasoning models open the reply with a token less."""
    assert chat(pictured(data_url(png(640, 480))), model) == Count(FRAME + tokens)


def test_low_detail_has_one_price() -> None:
    """Of any size, so that even a remote one is known."""
    assert chat(pictured("https://example.com/a.png", detail="low")) == Count(FRAME + 85)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a.png",
        "data:image/png;base64,%%%",
        "data:image/svg+xml,<svg/>",
        data_url(b"\x89PNG\r\n\x1a\n"),
        data_url(png(0, 480)),
        "",
    ],
)
def test_an_image_of_unknown_size_costs_at_least_the_smallest(url: str) -> None:
    """It is never fetched: whoever sends the URL could make the gateway call anywhere."""
    assert chat(pictured(url)) == Count(FRAME + 255, frozenset({Uncounted.IMAGES}))


@pytest.mark.parametrize(("model", "more"), [("gpt-5-mini", 1), ("gpt-4o", 0)])
def test_images_beside_tools_cost_one_more_in_all(model: str, more: int) -> None:
    """However many there are: five recorded calls with one and one with two."""
    tools: dict[str, Any] = {"tools": [function()]}
    picture = pictured(data_url(png(32, 32)))
    apart = chat([USER], model, **tools).tokens or 0

    for messages in ([USER, *picture], [USER, *picture, *picture]):
        beside_none = chat(messages, model).tokens or 0
        alone = chat([USER], model).tokens or 0

        assert chat(messages, model, **tools) == Count(apart + beside_none - alone + more)


@pytest.mark.parametrize("model", ["gpt-3.5-turbo", "gpt-5.2"])
def test_an_image_without_a_known_price_is_left_out(model: str) -> None:
    """No model of that name was recorded with one."""
    assert chat(pictured(data_url(png(1, 1))), model).uncounted == {Uncounted.IMAGES}


def test_both_apis_name_images_their_own_way() -> None:
    """The Responses API has the URL in the part itself."""
    part = {"type": "input_image", "image_url": data_url(png(640, 480)), "detail": "auto"}

    assert response([{"role": "user", "content": [part]}]) == Count(FRAME + 425)
    assert response([{"role": "user", "content": [part]}], "gpt-5.4").uncounted == {Uncounted.IMAGES}


def test_a_sound_is_billed_by_its_length() -> None:
    """Ten tokens a second, cut off, and four that frame it."""
    assert chat(heard(base64.b64encode(wav(seconds=1.29)).decode()), "gpt-audio") == Count(FRAME + 4 + 12)
    assert chat(heard(base64.b64encode(mp3(frames=71)).decode()), "gpt-audio") == Count(FRAME + 4 + 18)


@pytest.mark.parametrize("data", ["", "no base64", base64.b64encode(b"ID3 mp3").decode()])
def test_a_sound_of_unknown_length_is_unknown(data: str) -> None:
    """It may be of any."""
    assert chat(heard(data)) == Count(None, frozenset({Uncounted.AUDIO}))


def test_what_the_assistant_said_aloud_lies_with_the_server() -> None:
    """Its history holds only an id."""
    assert chat([USER, {"role": "assistant", "audio": {"id": "audio_1"}}]).uncounted == {Uncounted.SERVER_STATE}


def test_reasoning_costs_until_the_user_speaks() -> None:
    """What lies before is not shown to the model again; what lies after is, and its size is not known."""
    reasoning = {"type": "reasoning", "encrypted_content": "x"}

    assert response([USER, reasoning, USER], "gpt-5") == response([USER, USER], "gpt-5")
    assert response([USER, reasoning], "gpt-5").uncounted == {Uncounted.REASONING}


def test_the_mode_pro_brings_instructions_nobody_sees() -> None:
    """1,531 tokens in the one recorded call."""
    assert response("hi", "gpt-5.6", reasoning={"mode": "pro"}).uncounted == {Uncounted.REASONING}
    assert response("hi", "gpt-5.6", reasoning={"effort": "low"}).uncounted == frozenset()


def test_a_conversation_the_service_may_shorten_is_unknown() -> None:
    """Where it does, less is billed than was sent."""
    assert response("hi", context_management=[{"type": "compaction"}]).tokens is None


@pytest.mark.parametrize(
    ("model", "day", "hidden"),
    [
        ("gpt-4o-2024-08-06", date(2025, 3, 14), (18, 216, 230)),
        ("gpt-4o-2024-08-06", date(2025, 3, 28), (0, 0, 0)),
        ("gpt-4o-mini-2024-07-18", date(2025, 3, 14), (0, 0, 0)),
        ("gpt-4o-2024-08-06", None, (0, 0, 0)),
    ],
)
def test_the_first_weeks_of_the_responses_api_hid_a_text(
    model: str, day: date | None, hidden: tuple[int, int, int]
) -> None:
    """Of gpt-4o alone, and in no call of today: 19 recorded calls of three repositories."""
    tools: dict[str, Any] = {"tools": [{"type": "function", "name": "f"}]}
    seen = [{"role": "user", "content": [{"type": "input_image", "image_url": data_url(png(1, 1))}]}]

    assert response("hi", model, day) == response("hi", model) + Count(hidden[0])
    assert response("hi", model, day, **tools) == response("hi", model, **tools) + Count(hidden[1])
    assert response(seen, model, day) == response(seen, model) + Count(hidden[2])


def test_tools_brought_later_are_a_lower_bound() -> None:
    """They are shown as other tools are, with instructions of their own that differ by model."""
    functions = [{"type": "function", "name": "f", "description": "two words"}]
    later = {"type": "additional_tools", "role": "developer", "tools": functions}

    with_them = response([USER, later], "gpt-5")

    assert with_them.tokens == response([USER], "gpt-5", tools=functions).tokens
    assert with_them.uncounted == {Uncounted.TOOLS}
