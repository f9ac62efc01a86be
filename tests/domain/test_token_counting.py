"""The rules, with a counter of words in place of tiktoken: what is counted shows in the sum."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.model_encoding import model_encoding
from shared.domain.operation import Metered
from shared.domain.token_counting import COUNTABLE_BYTES, CountableCall, estimate_usage
from shared.domain.usage_record import TokenUsage, UsageSource

CHAT = Metered.CHAT_COMPLETIONS
GREETING = {"messages": [{"role": "user", "content": "good day to you"}]}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


def words(text: str) -> int:
    return len(text.split())


def estimate(
    request: Any, *, metered: Metered = CHAT, model: str | None = "gpt-4o", texts: Any = (("fine",),), **known: Any
) -> TokenUsage:
    body = request if isinstance(request, bytes) or request is None else json.dumps(request).encode()
    call = CountableCall(metered=metered, model=model, request_body=body, completion_texts=texts, **known)
    return estimate_usage(call, model_encoding(model, metered), words)


def test_a_whole_chat_call_is_estimated() -> None:
    """Frame 3, role 1, four words and 3 to open the reply; a word and Azure's end of the answer."""
    assert estimate(GREETING) == TokenUsage(
        prompt_tokens=11,
        completion_tokens=2,
        total_tokens=13,
        source=UsageSource.ESTIMATED,
        method="o200k_base",
    )


@pytest.mark.parametrize(("model", "tokens"), [("gpt-4o", 3 * 4 + 4 + 3), ("gpt-5", 3 * 4 + 4 + 2 + 2), ("gpt-4", 19)])
def test_history_and_priming_go_by_family(model: str, tokens: int) -> None:
    """A reasoning model reads a past answer with its channel, and opens the reply with one token less."""
    turns = [("system", "be brief"), ("assistant", "yes"), ("user", "thanks")]

    usage = estimate({"messages": [{"role": role, "content": text} for role, text in turns]}, model=model)

    assert usage.prompt_tokens == tokens


def test_a_name_is_counted_with_its_role_as_one_text() -> None:
    """ ":user" is a single token: role and name counted apart come out too high."""
    counted: list[str] = []
    call = CountableCall(
        metered=CHAT, model="gpt-4o", request_body=b'{"messages": [{"role": "user", "name": "ann", "content": ""}]}'
    )

    estimate_usage(call, model_encoding("gpt-4o", CHAT), lambda text: counted.append(text) or 0)  # type: ignore[func-returns-value]

    assert "user:ann" in counted


def test_texts_side_by_side_are_one_text() -> None:
    """Recorded calls with several text parts are billed as their text joined: here "good day", two words."""
    parts = [{"type": "text", "text": "go"}, {"type": "text", "text": "od day"}]

    assert estimate({"messages": [{"role": "user", "content": parts}]}).prompt_tokens == 9


def test_an_image_leaves_a_lower_bound_and_a_file_leaves_nothing() -> None:
    """An image's price is bounded; a file may hold any number of pages."""

    def parts(kind: str) -> dict[str, Any]:
        return {"messages": [{"role": "user", "content": [{"type": "text", "text": "see"}, {"type": kind}]}]}

    image, file = estimate(parts("image_url")), estimate(parts("file"), texts=())

    assert (image.prompt_tokens, image.source) == (8, UsageSource.PARTIAL)
    assert image.method == "o200k_base (not counted: images)"
    assert (file.prompt_tokens, file.total_tokens, file.source) == (None, None, UsageSource.UNAVAILABLE)


@pytest.mark.parametrize(
    "extra",
    [
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"functions": [{"name": "f"}]},
        {"response_format": {"type": "json_schema", "json_schema": {}}},
    ],
)
def test_what_is_not_counted_yet_makes_the_count_a_lower_bound(extra: dict[str, Any]) -> None:
    """A count that leaves out the tools must not pass for the bill."""
    usage = estimate(GREETING | extra)

    assert (usage.prompt_tokens, usage.source) == (11, UsageSource.PARTIAL)


@pytest.mark.parametrize("extra", [{"web_search_options": {}}, {"data_sources": [{"type": "azure_search"}]}])
def test_what_the_service_puts_into_the_prompt_makes_it_unknown(extra: dict[str, Any]) -> None:
    """A web search is even billed below the text that was sent."""
    usage = estimate(GREETING | extra)

    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (None, 2, None)
    assert usage.source is UsageSource.PARTIAL


@pytest.mark.parametrize("kind", ["text", "json_object"])
def test_a_plain_response_format_costs_nothing(kind: str) -> None:
    """14 of 14 recorded calls."""
    assert estimate(GREETING | {"response_format": {"type": kind}}) == estimate(GREETING)


@pytest.mark.parametrize(
    ("prompt", "tokens"),
    [("one two", 2), (["one", "two three"], 3), ([1, 2, 3], 3), ([[1, 2], [3]], 3), ([[1], "two"], 2)],
)
def test_a_legacy_prompt_has_four_forms_and_no_frame(prompt: Any, tokens: int) -> None:
    """Texts, or tokens already; and the suffix is prompt too."""
    usage = estimate({"prompt": prompt, "n": 3}, metered=Metered.COMPLETIONS, model="davinci-002")

    assert (usage.prompt_tokens, usage.method) == (tokens, "cl100k_base")


def test_a_suffix_is_prompt() -> None:
    """It is what the model must write up to."""
    request = {"prompt": "one", "suffix": "three four"}

    assert estimate(request, metered=Metered.COMPLETIONS, model="davinci-002").prompt_tokens == 3


def test_an_echoed_prompt_hides_what_the_answer_cost() -> None:
    """The text seen is then prompt and answer."""
    usage = estimate({"prompt": "one", "echo": True}, metered=Metered.COMPLETIONS, texts=[["one two"]])

    assert (usage.prompt_tokens, usage.completion_tokens, usage.source) == (1, None, UsageSource.PARTIAL)


@pytest.mark.parametrize(
    ("given_input", "tokens"), [("", 1), ("one two", 2), (["", "one"], 2), ([1, 2], 2), ([[1, 2], []], 3)]
)
def test_embeddings_bill_their_inputs_and_at_least_a_token_each(given_input: Any, tokens: int) -> None:
    """They have no completion, as in Azure's own report of them."""
    usage = estimate({"input": given_input}, metered=Metered.EMBEDDINGS, model="text-embedding-3-small", texts=())

    assert usage == TokenUsage(
        prompt_tokens=tokens, total_tokens=tokens, source=UsageSource.ESTIMATED, method="cl100k_base"
    )


@pytest.mark.parametrize(
    "given_input",
    [
        "one two",
        [{"role": "user", "content": "one two"}],
        [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "one two"}]}],
    ],
)
def test_a_response_reads_its_input_as_a_conversation(given_input: Any) -> None:
    """Instructions are a message of their own: 3 + 1 + 2 words, twice, and 3 to open the reply."""
    usage = estimate({"input": given_input, "instructions": "be brief"}, metered=Metered.RESPONSES)

    assert (usage.prompt_tokens, usage.completion_tokens, usage.source) == (15, 2, UsageSource.ESTIMATED)


@pytest.mark.parametrize(
    "extra",
    [
        {"previous_response_id": "resp_1"},
        {"conversation": "conv_1"},
        {"tools": [{"type": "web_search"}]},
        {"tools": [{"type": ["web_search"]}]},
        {"input": [{"type": "item_reference", "id": "msg_1"}]},
    ],
)
def test_what_only_the_server_knows_is_not_guessed(extra: dict[str, Any]) -> None:
    """The earlier turns may be longer than this one by any factor."""
    usage = estimate({"input": "one"} | extra, metered=Metered.RESPONSES, texts=())

    assert (usage.prompt_tokens, usage.source) == (None, UsageSource.UNAVAILABLE)


def test_a_responses_tool_turn_is_a_lower_bound() -> None:
    """The text of call and result is there, their frame is not counted yet."""
    items = [
        {"type": "function_call", "name": "look up", "arguments": "{}"},
        {"type": "function_call_output", "output": "sunny"},
    ]

    usage = estimate({"input": items}, metered=Metered.RESPONSES)

    assert (usage.prompt_tokens, usage.source) == (7, UsageSource.PARTIAL)


def test_a_cut_answer_is_a_lower_bound_without_an_end() -> None:
    """Whatever was on its way when the stream broke was billed too."""
    usage = estimate(GREETING, texts=[["I am", " fi"]], cut=True)

    assert (usage.completion_tokens, usage.total_tokens, usage.source) == (3, 14, UsageSource.PARTIAL)


def test_an_answer_nobody_saw_is_unknown_not_empty() -> None:
    """What is not known is never written as 0."""
    usage = estimate(GREETING, texts=())

    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (11, None, None)
    assert usage.source is UsageSource.PARTIAL


def test_every_choice_has_its_end() -> None:
    """n > 1: the prompt once, the answers each."""
    assert estimate(GREETING, texts=[["a"], ["b", " c"]]).completion_tokens == 5


@pytest.mark.parametrize(
    ("model", "finish_reason", "on_azure", "tokens"),
    [
        ("gpt-4o", "stop", True, 2),
        ("gpt-4o", "length", True, 1),
        ("gpt-4o", "stop", False, 1),
        ("gpt-35-turbo", "stop", True, 1),
        ("gpt-5.1", "stop", True, 11),
        ("gpt-5.4", "stop", True, 5),
    ],
)
def test_the_end_of_an_answer_is_billed_by_family(model: str, finish_reason: str, on_azure: bool, tokens: int) -> None:
    """Azure bills a token that OpenAI does not, and only where the model stopped of itself."""
    usage = estimate(GREETING, model=model, finish_reason=finish_reason, on_azure=on_azure)

    assert usage.completion_tokens == tokens


def test_hidden_reasoning_makes_every_answer_a_lower_bound() -> None:
    """Its tokens are billed and never seen; only a request that forbids it can be counted."""
    assert estimate(GREETING, model="gpt-5").source is UsageSource.PARTIAL
    assert estimate(GREETING | {"reasoning_effort": "none"}, model="gpt-5.1").source is UsageSource.ESTIMATED


def test_an_answer_in_words_beside_tools_costs_one_more() -> None:
    """Recorded for gpt-3.5 to gpt-4.1, in both dialects."""
    tools = {"tools": [{"type": "function", "function": {"name": "f"}}]}

    assert estimate(GREETING | tools).completion_tokens == 3
    assert estimate(GREETING | tools | {"tool_choice": "none"}).completion_tokens == 2


def test_the_frame_of_a_call_is_left_out() -> None:
    """A forced call ends in "stop" like an answer in words, and bills no end either."""
    forced = {"tool_choice": {"type": "function", "function": {"name": "f"}}}

    for usage in (estimate(GREETING, finish_reason="tool_calls"), estimate(GREETING | forced, finish_reason="stop")):
        assert (usage.completion_tokens, usage.source) == (1, UsageSource.PARTIAL)
        assert usage.method == "o200k_base (not counted: the frame of tool calls)"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (None, "the request, which was not kept"),
        (b"{", "the request, which is unreadable"),
        (b"[" * 100_000, "the request, which is unreadable"),
        (b"[]", "the request, which is unreadable"),
        (b'{"messages": "\xff"}', "the request, which is unreadable"),
        (b'{"model": "gpt-4o"}', "the request, which is unreadable"),
        (b" " * (COUNTABLE_BYTES + 1), "the request, which is too large"),
    ],
)
def test_a_request_we_cannot_read_leaves_the_answer_to_count(body: bytes | None, why: str) -> None:
    """The method says why the prompt is missing."""
    usage = estimate(body)

    assert (usage.prompt_tokens, usage.completion_tokens, usage.source) == (None, 2, UsageSource.PARTIAL)
    assert usage.method == f"o200k_base (not counted: {why})"


def test_an_unknown_model_shows_in_the_method() -> None:
    """Whoever reads the number can tell which rules made it."""
    assert estimate(GREETING, model="my-deployment").method == "o200k_base (unknown model)"


@given(
    st.dictionaries(
        st.sampled_from(
            "messages input prompt instructions tools suffix echo text response_format reasoning functions".split()
        ),
        st.lists(
            st.dictionaries(
                st.sampled_from("role name content type text tool_calls function function_call output refusal".split()),
                json_values,
            ),
            max_size=3,
        )
        | json_values,
    ),
    st.sampled_from(Metered),
    st.sampled_from(["gpt-4o", "gpt-5", None]),
)
def test_no_request_breaks_the_count(request: dict[str, Any], metered: Metered, model: str | None) -> None:
    """A body is whatever a caller sends; the record must be written all the same."""
    usage = estimate(request, metered=metered, model=model)

    assert usage.prompt_tokens is None or usage.prompt_tokens >= 0
    assert usage.source in {UsageSource.ESTIMATED, UsageSource.PARTIAL, UsageSource.UNAVAILABLE}
