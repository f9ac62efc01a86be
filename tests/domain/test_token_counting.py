"""The rules, with a counter of words in place of tiktoken: what is counted shows in the sum."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.model_encoding import model_encoding
from shared.domain.operation import Metered
from shared.domain.token_counting import COUNTABLE_BYTES, METHOD_VERSION, CountableCall, Counter, estimate_usage
from shared.domain.usage_record import TokenUsage, UsageSource
from shared.domain.visible_answer import Choice, VisibleAnswer
from tests.domain.counting import words

CHAT = Metered.CHAT_COMPLETIONS
METHOD = f"v{METHOD_VERSION} o200k_base words 1"
GREETING = {"messages": [{"role": "user", "content": "good day to you"}]}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


def estimate(
    request: Any,
    *,
    metered: Metered = CHAT,
    model: str | None = "gpt-4o",
    texts: Sequence[str] = ("fine",),
    finish_reason: str | None = None,
    **known: Any,
) -> TokenUsage:
    body = request if isinstance(request, bytes) or request is None else json.dumps(request).encode()
    choices = tuple(Choice(texts=(text,), finish_reason=finish_reason) for text in texts)
    answer = VisibleAnswer(choices=choices)
    call = CountableCall(metered=metered, model=model, request_body=body, answer=answer, **known)
    return estimate_usage(call, model_encoding(model, metered), Counter(count=words, version="words 1"))


def test_a_whole_chat_call_is_estimated() -> None:
    """Frame 3, role 1, four words and 3 to open the reply; a word and Azure's end of the answer."""
    assert estimate(GREETING) == TokenUsage(
        prompt_tokens=11,
        completion_tokens=2,
        total_tokens=13,
        source=UsageSource.ESTIMATED,
        method=METHOD,
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

    def count(text: str) -> int:
        counted.append(text)
        return 0

    call = CountableCall(
        metered=CHAT, model="gpt-4o", request_body=b'{"messages": [{"role": "user", "name": "ann", "content": ""}]}'
    )
    estimate_usage(call, model_encoding("gpt-4o", CHAT), Counter(count=count, version=""))

    assert "user:ann" in counted


def test_texts_side_by_side_are_one_text() -> None:
    """Recorded calls with several text parts are billed as their text joined: here "good day", two words."""
    parts = [{"type": "text", "text": "go"}, {"type": "text", "text": "od day"}]

    assert estimate({"messages": [{"role": "user", "content": parts}]}).prompt_tokens == 9


def test_a_file_leaves_nothing_to_count() -> None:
    """It may hold any number of pages."""
    parts = [{"type": "text", "text": "see"}, {"type": "file"}]
    usage = estimate({"messages": [{"role": "user", "content": parts}]}, texts=())

    assert (usage.prompt_tokens, usage.total_tokens, usage.source) == (None, None, UsageSource.UNAVAILABLE)


def test_what_is_left_out_stands_in_the_method() -> None:
    """Whoever reads a lower bound can tell of what."""
    usage = estimate(GREETING | {"tools": [{"type": "custom", "custom": {"name": "sql"}}]})

    assert (usage.prompt_tokens, usage.source) == (11, UsageSource.PARTIAL)
    assert usage.method == f"{METHOD} (not counted: tools)"


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

    assert (usage.prompt_tokens, usage.method) == (tokens, METHOD.replace("o200k", "cl100k"))


def test_a_suffix_is_prompt() -> None:
    """It is what the model must write up to."""
    request = {"prompt": "one", "suffix": "three four"}

    assert estimate(request, metered=Metered.COMPLETIONS, model="davinci-002").prompt_tokens == 3


def test_an_echoed_prompt_hides_what_the_answer_cost() -> None:
    """The text seen is then prompt and answer."""
    usage = estimate({"prompt": "one", "echo": True}, metered=Metered.COMPLETIONS, texts=["one two"])

    assert (usage.prompt_tokens, usage.completion_tokens, usage.source) == (1, None, UsageSource.PARTIAL)


@pytest.mark.parametrize(
    ("given_input", "tokens"), [("", 1), ("one two", 2), (["", "one"], 2), ([1, 2], 2), ([[1, 2], []], 3)]
)
def test_embeddings_bill_their_inputs_and_at_least_a_token_each(given_input: Any, tokens: int) -> None:
    """They have no completion, as in Azure's own report of them."""
    usage = estimate({"input": given_input}, metered=Metered.EMBEDDINGS, model="text-embedding-3-small", texts=())

    assert usage == TokenUsage(
        prompt_tokens=tokens,
        total_tokens=tokens,
        source=UsageSource.ESTIMATED,
        method=METHOD.replace("o200k", "cl100k"),
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


def test_a_cut_answer_is_a_lower_bound_without_an_end() -> None:
    """Whatever was on its way when the stream broke was billed too."""
    usage = estimate(GREETING, texts=["I am fi"], cut=True)

    assert (usage.completion_tokens, usage.total_tokens, usage.source) == (3, 14, UsageSource.PARTIAL)


def test_an_answer_nobody_saw_is_unknown_not_empty() -> None:
    """What is not known is never written as 0."""
    usage = estimate(GREETING, texts=())

    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (11, None, None)
    assert usage.source is UsageSource.PARTIAL


def test_every_choice_has_its_end() -> None:
    """n > 1: the prompt once, the answers each."""
    assert estimate(GREETING, texts=["a", "b c"]).completion_tokens == 5


def test_nothing_of_a_cut_answer_is_unknown() -> None:
    """Its first word may have been on its way: 0 would say that it had none."""
    usage = estimate(GREETING, texts=[""], cut=True)

    assert (usage.prompt_tokens, usage.completion_tokens, usage.source) == (11, None, UsageSource.PARTIAL)


def test_a_conversation_that_is_compacted_brings_its_instructions() -> None:
    """93 tokens in five of five recorded calls."""
    plain = estimate({"input": "one two"}, metered=Metered.RESPONSES)

    compacted = estimate({"input": "one two"}, metered=Metered.RESPONSES, compacts=True)

    assert compacted.prompt_tokens == (plain.prompt_tokens or 0) + 93


@pytest.mark.parametrize("depth", [50, 500, 900, 100_000])
def test_arguments_nested_without_end_are_counted_or_unknown(depth: int) -> None:
    """They are JSON in a text: the body's own depth says nothing of theirs."""
    nested = "[" * depth + "]" * depth
    calls = [{"id": str(number), "function": {"name": "f", "arguments": nested}} for number in range(2)]
    usage = estimate({"messages": [{"role": "assistant", "tool_calls": calls}]})

    assert usage.source in {UsageSource.ESTIMATED, UsageSource.PARTIAL}


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
    assert usage.method == f"{METHOD} (not counted: {why})"


def test_an_unknown_model_shows_in_the_method() -> None:
    """Whoever reads the number can tell which rules made it."""
    assert estimate(GREETING, model="my-deployment").method == f"{METHOD} (unknown model)"


MEMBERS = (
    "messages input prompt instructions tools tool_choice suffix echo text response_format reasoning functions "
    "function_call web_search_options context_management"
).split()
INNER_MEMBERS = (
    "role name content type text tool_calls tool_call_id function function_call output refusal call_id arguments "
    "status json_schema schema parameters properties items anyOf enum default required title description format "
    "$ref $defs additionalProperties image_url url detail input_audio data audio mode effort"
).split()
KINDS = "function message function_call function_call_output reasoning json_schema object array string text image_url "
inner = st.recursive(
    json_values | st.sampled_from([*KINDS.split(), "#/$defs/f", "assistant", "tool", "data:image/png;base64,iVBORw0K"]),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.sampled_from(INNER_MEMBERS), values, max_size=5),
    max_leaves=20,
)


@given(
    st.dictionaries(st.sampled_from(MEMBERS), st.lists(inner, max_size=3) | inner),
    st.sampled_from(Metered),
    st.sampled_from(["gpt-4o", "gpt-5", None]),
)
def test_no_request_breaks_the_count(request: dict[str, Any], metered: Metered, model: str | None) -> None:
    """A body is whatever a caller sends; the record must be written all the same."""
    usage = estimate(request, metered=metered, model=model)

    assert usage.prompt_tokens is None or usage.prompt_tokens >= 0
    assert usage.source in {UsageSource.ESTIMATED, UsageSource.PARTIAL, UsageSource.UNAVAILABLE}
