from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.adapters import tiktoken_counter
from shared.adapters.tiktoken_counter import TiktokenCounter, count_tokens
from shared.adapters.tiktoken_vocabularies import load_encoding
from shared.domain.model_family import Encoding
from shared.domain.operation import Metered
from shared.domain.token_counting import METHOD_VERSION, CountableCall, estimate_usage
from shared.domain.usage_record import TokenUsage, UsageSource
from shared.domain.visible_answer import Choice, VisibleAnswer
from shared.ports.token_counter import TokenCounter

# The example of OpenAI's cookbook, How_to_count_tokens_with_tiktoken: its counts came from the service.
COOKBOOK = [
    (
        "system",
        None,
        "You are a helpful, pattern-following assistant that translates corporate jargon into plain English.",
    ),
    ("system", "example_user", "New synergies will help drive top-line growth."),
    ("system", "example_assistant", "Things working well together will increase revenue."),
    (
        "system",
        "example_user",
        "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage.",
    ),
    ("system", "example_assistant", "Let's talk later when we're less busy about how to do better."),
    (
        "user",
        None,
        "This late pivot means we don't have time to boil the ocean for the client deliverable.",
    ),
]


@pytest.fixture(scope="module")
def o200k_base() -> tiktoken.Encoding:
    return load_encoding(Encoding.O200K_BASE)


def chat(model: str | None, messages: Any, answer: str = "ok") -> CountableCall:
    return CountableCall(
        metered=Metered.CHAT_COMPLETIONS,
        model=model,
        request_body=json.dumps({"messages": messages}).encode(),
        answer=VisibleAnswer(choices=(Choice(texts=(answer,)),)),
    )


@pytest.mark.parametrize(("model", "tokens"), [("gpt-4-0613", 129), ("gpt-3.5-turbo", 129), ("gpt-4o", 124)])
async def test_the_cookbooks_example_is_counted_as_it_was_billed(model: str, tokens: int) -> None:
    """The one published chat whose count OpenAI verified against the service, names included."""
    counter: TokenCounter = TiktokenCounter()
    messages = [{"role": role, "content": text} | ({"name": name} if name else {}) for role, name, text in COOKBOOK]

    assert (await counter.estimate(chat(model, messages))).prompt_tokens == tokens


async def test_a_special_token_in_a_prompt_is_text() -> None:
    """tiktoken's `encode` raises on it: any caller could then keep a record from being written."""
    usage = await TiktokenCounter().estimate(chat("gpt-4o", [{"role": "user", "content": "<|endoftext|>"}]))

    assert usage.prompt_tokens == 3 + 1 + 7 + 3


async def test_a_lone_surrogate_in_an_answer_is_counted() -> None:
    """A stream may be cut in the middle of an emoji's two halves."""
    usage = await TiktokenCounter().estimate(chat("gpt-4o", [], answer="half \ud83d"))

    assert usage.completion_tokens is not None


async def test_nothing_is_loaded_before_a_count_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An encoding takes 0.3 s and 80 MB: once, off the event loop, and only where one is used."""
    threads = []

    def load(encoding: Encoding) -> tiktoken.Encoding:
        threads.append((encoding, threading.current_thread() is threading.main_thread()))
        return load_encoding(encoding)

    monkeypatch.setattr(tiktoken_counter, "load_encoding", load)
    counter = TiktokenCounter()
    assert threads == []
    await asyncio.gather(*(counter.estimate(chat("gpt-4o", [])) for _ in range(5)))

    assert threads == [(Encoding.O200K_BASE, False)]


@pytest.mark.parametrize(
    "text", [" " * 1_000_000, "x " * 60_001 + " " * 1_000_000 + "x", "a" * 1_000_000, "\U0001f600" * 250_000]
)
async def test_a_megabyte_of_one_thing_is_counted_beside_the_event_loop(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """tiktoken panics on a million blanks in a row; and half a second must not stall every other call."""
    threads = []

    def estimate(*given: Any) -> TokenUsage:
        threads.append(threading.current_thread())
        return estimate_usage(*given)

    monkeypatch.setattr(tiktoken_counter, "estimate_usage", estimate)
    counter = TiktokenCounter()
    await counter.estimate(chat("gpt-4o", []))
    usage = await counter.estimate(chat("gpt-4o", [{"role": "user", "content": text}]))
    await counter.estimate(chat("gpt-4o", []))

    assert usage.source is UsageSource.ESTIMATED
    assert [thread is threading.main_thread() for thread in threads] == [False, False, True]


async def test_a_small_request_that_says_megabytes_stalls_nobody() -> None:
    """Two hundred bytes of references double at every step: written out within bounds, and beside the event loop."""
    steps: dict[str, Any] = {
        str(step): {"properties": {name: {"$ref": f"#/$defs/{step + 1}"} for name in "ab"}} for step in range(40)
    }
    tool = {"type": "function", "function": {"name": "f", "parameters": {"$ref": "#/$defs/0", "$defs": steps}}}
    body = json.dumps({"messages": [{"role": "user", "content": "hi"}], "tools": [tool]}).encode()
    counter = TiktokenCounter()
    await counter.estimate(chat("gpt-4o", []))
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0)
            beats += 1

    beating = asyncio.create_task(beat())
    usage = await counter.estimate(CountableCall(metered=Metered.CHAT_COMPLETIONS, model="gpt-4o", request_body=body))
    beating.cancel()

    assert (usage.prompt_tokens, usage.source) == (8, UsageSource.PARTIAL)
    assert beats > 1


async def test_an_estimate_tells_what_made_it() -> None:
    """Rules and vocabulary move: whoever compares two numbers must see whether they were made alike."""
    usage = await TiktokenCounter().estimate(chat("gpt-4o", [{"role": "user", "content": "hi"}]))

    assert usage.method == f"v{METHOD_VERSION} o200k_base tiktoken {tiktoken.__version__}"


@pytest.mark.parametrize(("blanks", "tokens"), [(499_999, 3907), (500_000, 3907), (500_001, 3908), (1_000_000, 7814)])
def test_a_cut_in_a_run_of_blanks_costs_a_token_at_most(
    o200k_base: tiktoken.Encoding, blanks: int, tokens: int
) -> None:
    """128 blanks are a token, so that n blanks are n / 128, rounded up, and one more where we cut."""
    assert count_tokens(o200k_base, " " * blanks) == tokens


# Few examples: each is half a megabyte, without which nothing is cut.
@settings(max_examples=15)
@given(st.lists(st.sampled_from(["word", " ", "\n", "\t", "\u3000", "!", "\u00e9"]) | st.text(max_size=5)))
def test_a_long_text_without_such_runs_is_counted_as_tiktoken_counts_it(
    o200k_base: tiktoken.Encoding, pieces: list[str]
) -> None:
    """Only what tiktoken cannot take is cut."""
    text = "".join(pieces) + "end of text. " * 40_000

    assert count_tokens(o200k_base, text) == len(o200k_base.encode_ordinary(text))
