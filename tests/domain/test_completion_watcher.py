"""What an answer says of itself reaches the ledger, and nothing it says can break the relay."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.answer_builder import PART_LIMIT, TEXT_LIMIT
from shared.domain.completion_watcher import CompletionWatcher, Sight, error_code_of
from shared.domain.operation import Metered
from shared.domain.sse import SseSplitter
from shared.domain.usage_record import TokenUsage, UsageSource
from shared.domain.visible_answer import Choice, ToolCall
from tests.data import recorded

INT64_MAX = 2**63 - 1

ODD_COUNTS = [-1, True, False, 1.0, 1e2, 1.5, "12", "", [], {}, [3], 2**62, 2**63, 10**30]


def watched_body(metered: Metered | None, body: bytes) -> CompletionWatcher:
    watcher = CompletionWatcher(metered)
    watcher.see_body(body)
    return watcher


def watched_stream(metered: Metered | None, stream: bytes) -> tuple[CompletionWatcher, list[Sight]]:
    watcher = CompletionWatcher(metered)
    splitter = SseSplitter()
    events = [*splitter.feed(stream), splitter.close()]
    return watcher, [watcher.see_event(event) for event in events if event]


def watched_chunk(
    chunk: dict[str, Any], metered: Metered = Metered.CHAT_COMPLETIONS
) -> tuple[CompletionWatcher, Sight]:
    watcher, (sight,) = watched_stream(metered, b"data: " + json.dumps(chunk).encode() + b"\n\n")
    return watcher, sight


def reported_usage(usage: Any) -> TokenUsage | None:
    return watched_body(Metered.CHAT_COMPLETIONS, json.dumps({"usage": usage}).encode()).usage


def texts(watcher: CompletionWatcher) -> list[str]:
    """Return all that each choice says, one thing after the other."""
    return ["".join(said(choice)) for choice in watcher.answer().choices]


def said(choice: Choice) -> list[str]:
    calls = [call.name + call.arguments for call in choice.tool_calls]
    return [*choice.texts, choice.refusal, *calls]


def test_a_chat_completion_is_read() -> None:
    """The commonest answer of all."""
    watcher = watched_body(Metered.CHAT_COMPLETIONS, recorded("chat_completion.json"))

    assert watcher.usage == TokenUsage(
        prompt_tokens=16,
        completion_tokens=200,
        total_tokens=216,
        cached_tokens=0,
        reasoning_tokens=192,
        source=UsageSource.REPORTED,
    )
    assert (watcher.model, watcher.finish_reason) == ("gpt-4o-mini-2024-07-18", "length")
    assert texts(watcher) == ["Once upon a time"]
    assert watcher.is_complete


def test_a_streamed_chat_completion_is_read() -> None:
    """Azure's first chunk names an empty model: the model is a later chunk's."""
    watcher, sights = watched_stream(Metered.CHAT_COMPLETIONS, recorded("chat_stream.sse"))

    assert watcher.usage == TokenUsage(
        prompt_tokens=21,
        completion_tokens=4,
        total_tokens=25,
        cached_tokens=16,
        reasoning_tokens=0,
        source=UsageSource.REPORTED,
    )
    assert (watcher.model, watcher.finish_reason) == ("gpt-4o-mini-2024-07-18", "stop")
    assert texts(watcher) == ["Grüß dich!"]
    assert sights == [*[Sight.ORDINARY] * 6, Sight.USAGE_ONLY, Sight.LAST]
    assert watcher.is_complete


@pytest.mark.parametrize("model", ["", None, 0.5])
def test_a_later_chunk_that_names_nothing_undoes_nothing(model: Any) -> None:
    """Azure's asynchronous content filter sends its results in chunks that name no model and no reason."""
    chunks = [
        {"model": "gpt-4o", "choices": [{"finish_reason": "stop"}]},
        {"model": model, "choices": [{"content_filter_offsets": {}, "finish_reason": None}]},
    ]
    stream = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)

    watcher, _ = watched_stream(Metered.CHAT_COMPLETIONS, stream)

    assert (watcher.model, watcher.finish_reason) == ("gpt-4o", "stop")


def test_a_tool_call_is_text_to_count() -> None:
    """The model wrote the name and the arguments, and they are charged for."""
    watcher, _ = watched_stream(Metered.CHAT_COMPLETIONS, recorded("chat_tools_stream.sse"))

    assert texts(watcher) == ['get_weather{"city":"Bern"}']
    assert watcher.finish_reason == "tool_calls"


def test_a_streamed_completion_is_read() -> None:
    """The legacy form has its text beside the choice, not in a delta."""
    watcher, sights = watched_stream(Metered.COMPLETIONS, recorded("completion_stream.sse"))

    assert watcher.usage
    assert (watcher.usage.prompt_tokens, watcher.usage.completion_tokens, watcher.usage.total_tokens) == (5, 2, 7)
    assert (watcher.model, watcher.finish_reason) == ("gpt-35-turbo-instruct", "length")
    assert texts(watcher) == ["One two"]
    assert sights[-2:] == [Sight.USAGE_ONLY, Sight.LAST]


def test_embeddings_are_read() -> None:
    """They write no completion: that count is absent, not 0."""
    watcher = watched_body(Metered.EMBEDDINGS, recorded("embeddings.json"))

    assert watcher.usage == TokenUsage(prompt_tokens=8, total_tokens=8, source=UsageSource.REPORTED)
    assert watcher.model == "text-embedding-3-large"
    assert watcher.is_complete


def test_a_response_is_read() -> None:
    """The Responses API says input and output where the rest of Azure says prompt and completion."""
    watcher = watched_body(Metered.RESPONSES, recorded("response.json"))

    assert watcher.usage == TokenUsage(
        prompt_tokens=12,
        completion_tokens=21,
        total_tokens=33,
        cached_tokens=4,
        reasoning_tokens=9,
        source=UsageSource.REPORTED,
    )
    assert (watcher.model, watcher.finish_reason) == ("my-gpt-5", "completed")
    assert texts(watcher) == ['Hello!get_weather{"city":"Bern"}']


def test_a_streamed_response_is_read() -> None:
    """Its usage comes inside the last event, and no `[DONE]` comes after."""
    watcher, sights = watched_stream(Metered.RESPONSES, recorded("response_stream.sse"))

    assert watcher.usage == watched_body(Metered.RESPONSES, recorded("response.json")).usage
    assert (watcher.model, watcher.finish_reason) == ("my-gpt-5", "completed")
    assert texts(watcher) == ['Hello!{"city":"Bern"}']
    assert sights == [*[Sight.ORDINARY] * 7, Sight.LAST]
    assert watcher.is_complete


@pytest.mark.parametrize("kind", ["response.completed", "response.incomplete", "response.failed"])
def test_every_last_event_of_a_response_ends_it(kind: str) -> None:
    """A response that failed or hit its limit is answered in full, and charged."""
    response = {"status": kind.removeprefix("response."), "usage": {"input_tokens": 1, "output_tokens": 2}}

    watcher, sight = watched_chunk({"type": kind, "response": response}, Metered.RESPONSES)

    assert sight is Sight.LAST
    assert watcher.is_complete
    assert watcher.finish_reason == kind.removeprefix("response.")
    assert watcher.usage == TokenUsage(
        prompt_tokens=1, completion_tokens=2, total_tokens=3, source=UsageSource.REPORTED
    )


@pytest.mark.parametrize(
    "error",
    [
        {"code": "too_many_requests", "message": "m", "param": None},
        {"error": {"type": "t", "code": "too_many_requests", "message": "m"}},
        {"error": {"type": "too_many_requests", "code": None, "message": "m"}},
    ],
)
def test_an_error_event_ends_a_response_and_names_its_code(error: dict[str, Any]) -> None:
    """The reference writes the code into the event, the service below `error`; both are the error's code."""
    watcher, sight = watched_chunk({"type": "error", "sequence_number": 2, **error}, Metered.RESPONSES)

    assert sight is Sight.LAST
    assert watcher.error_code == "too_many_requests"
    assert not watcher.is_complete


def test_a_failed_response_names_its_code() -> None:
    """Why it failed stands in the response, beside usage that is charged all the same."""
    response = {"status": "failed", "error": {"code": "server_error", "message": "m"}}

    watcher, _ = watched_chunk({"type": "response.failed", "response": response}, Metered.RESPONSES)

    assert watcher.error_code == "server_error"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (recorded("content_filter_error.json"), "content_filter"),
        (b'{"error":{"code":"429","message":"m"}}', "429"),
        (b'{"error":{"code":404}}', "404"),
        (b'{"error":{"code":null,"type":"invalid_request_error"}}', "invalid_request_error"),
        (b'{"error":{"code":"","type":""}}', None),
        (b'{"error":{"code":true}}', None),
        (b'{"error":"text"}', None),
        (b'{"error":null}', None),
        (b"{}", None),
        (b"[]", None),
        (b"", None),
        (b"<html>502 Bad Gateway</html>", None),
        (b'{"error":{"code":"' + b"x" * 1000 + b'"}}', "x" * 256),
    ],
)
def test_an_error_body_names_its_code(body: bytes, code: str | None) -> None:
    """A row says why Azure refused; what names no code leaves it empty rather than guessed."""
    assert error_code_of(body) == code
    assert watched_body(None, body).error_code == code


def test_an_error_in_a_chat_stream_names_its_code() -> None:
    """A stream that has begun can only say so in an event."""
    watcher, sight = watched_chunk({"error": {"code": "server_error", "message": "m"}})

    assert watcher.error_code == "server_error"
    assert sight is Sight.ORDINARY
    assert not watcher.is_complete


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ({"content": "a", "refusal": None}, "a"),
        ({"content": None, "refusal": "I cannot."}, "I cannot."),
        ({"content": [{"type": "text"}], "refusal": 3, "tool_calls": "x"}, ""),
        ({"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}, {"function": {"name": "g"}}]}, "f{}g"),
        ({"tool_calls": [None, {}, {"function": None}, {"function": {"name": 1, "arguments": []}}]}, ""),
    ],
)
@pytest.mark.parametrize("member", ["message", "delta"])
def test_all_that_a_choice_says_is_kept(member: str, message: dict[str, Any], kept: str) -> None:
    """Where Azure reports no usage it is counted: a refusal costs tokens too."""
    body = json.dumps({"choices": [{"index": 0, member: message}]}).encode()

    assert texts(watched_body(Metered.CHAT_COMPLETIONS, body)) == [kept]


def test_what_a_response_refuses_is_kept() -> None:
    """A refusal is a part of its own kind, with its own member for the text."""
    output = [{"type": "message", "content": [{"type": "refusal", "refusal": "I cannot."}, None, "x"]}, {"content": 1}]

    assert texts(watched_body(Metered.RESPONSES, json.dumps({"output": output}).encode())) == ["I cannot."]


@pytest.mark.parametrize("metered", [Metered.CHAT_COMPLETIONS, Metered.RESPONSES])
def test_calls_in_turns_are_put_together_each(metered: Metered) -> None:
    """Several calls are billed as one call of all: their names and arguments must not run together."""
    watcher = CompletionWatcher(metered)
    for event in _CALLS_IN_TURNS[metered]:
        watcher.see_event(b"data: " + json.dumps(event).encode() + b"\n\n")

    (choice,) = watcher.answer().choices
    assert choice.tool_calls == (ToolCall(name="f", arguments="{}"), ToolCall(name="g", arguments='{"a":1}'))


def _call(index: int, **function: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": index, "function": function}]}}]}


def _item(index: int, **item: str) -> dict[str, Any]:
    return {"type": "response.output_item.added", "output_index": index, "item": {"type": "function_call", **item}}


def _arguments(index: int, delta: str) -> dict[str, Any]:
    return {"type": "response.function_call_arguments.delta", "output_index": index, "delta": delta}


_CALLS_IN_TURNS = {
    Metered.CHAT_COMPLETIONS: [
        _call(0, name="f", arguments="{"),
        _call(1, name="g", arguments=""),
        _call(0, arguments="}"),
        _call(1, arguments='{"a"'),
        _call(1, arguments=":1}"),
    ],
    Metered.RESPONSES: [
        _item(0, name="f", arguments=""),
        _item(1, name="g", arguments=""),
        _arguments(1, '{"a"'),
        _arguments(0, "{}"),
        _arguments(1, ":1}"),
    ],
}


def test_a_function_call_of_old_is_known_for_one() -> None:
    """It is one call, whatever its chunks look like."""
    chunks = [{"name": "f", "arguments": ""}, {"arguments": "{"}, {"arguments": "}"}]
    watcher = CompletionWatcher(Metered.CHAT_COMPLETIONS)
    for chunk in chunks:
        event = {"choices": [{"index": 0, "delta": {"function_call": chunk}}]}
        watcher.see_event(b"data: " + json.dumps(event).encode() + b"\n\n")

    (choice,) = watcher.answer().choices
    assert (choice.tool_calls, choice.is_legacy_call) == ((ToolCall(name="f", arguments="{}"),), True)


def test_the_messages_of_a_response_are_kept_apart() -> None:
    """Tokens do not run across messages; and a summary of the reasoning was not billed as text."""
    output = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "thinking"}]},
        {
            "type": "message",
            "content": [{"type": "output_text", "text": "one"}, {"type": "output_text", "text": "two"}],
        },
        {"type": "custom_tool_call", "name": "sql", "input": "SELECT 1"},
        {"type": "web_search_call"},
    ]
    answer = watched_body(Metered.RESPONSES, json.dumps({"status": "completed", "output": output}).encode()).answer()

    (choice,) = answer.choices
    assert choice.texts == ("one", "two")
    assert choice.tool_calls == (ToolCall(name="sql", arguments="SELECT 1"),)
    assert (answer.reasoning_summary, answer.has_reasoned, answer.has_built_in_items) == ("thinking", True, True)


@pytest.mark.parametrize("kind", ["reasoning", "web_search_call", "message"])
def test_a_stream_tells_what_its_items_were(kind: str) -> None:
    """What a tool of the service wrote is billed and not shown: the count must not pass for whole."""
    event = {"type": "response.output_item.added", "output_index": 0, "item": {"type": kind}}
    answer = watched_chunk(event, Metered.RESPONSES)[0].answer()

    assert (answer.has_reasoned, answer.has_built_in_items) == (kind == "reasoning", kind == "web_search_call")


def test_an_answer_in_sound_is_known_for_one() -> None:
    """Its tokens are not those of the transcript."""
    assert watched_chunk({"choices": [{"index": 0, "delta": {"audio": {"id": "a"}}}]})[0].answer().has_audio


def test_a_choice_that_says_nothing_is_still_one() -> None:
    """It was answered, with no token: that is known, not unknown."""
    (choice,) = watched_chunk({"choices": [{"index": 0, "delta": {"content": ""}}]})[0].answer().choices

    assert choice == Choice()


def test_no_more_parts_are_kept_than_the_limit() -> None:
    """An upstream that lies must not fill the memory with empty calls, nor with choices."""
    calls = [{"function": {"name": "", "arguments": ""}} for _ in range(PART_LIMIT + 1)]
    choices = [{"index": index} for index in range(PART_LIMIT + 1)]
    called = watched_chunk({"choices": [{"index": 0, "delta": {"tool_calls": calls}}]})[0].answer()
    chosen = watched_chunk({"choices": choices})[0].answer()

    assert len(called.choices[0].tool_calls) == PART_LIMIT
    assert len(chosen.choices) == PART_LIMIT


def test_choices_are_kept_apart_by_their_index() -> None:
    """Each is counted by itself: tokens do not run across choices that arrive in turns."""
    watcher = CompletionWatcher(Metered.CHAT_COMPLETIONS)
    for index, text in [(1, "b"), (0, "a"), (1, "B"), (0, "A")]:
        chunk = {"choices": [{"index": index, "delta": {"content": text}}]}
        watcher.see_event(b"data: " + json.dumps(chunk).encode() + b"\n\n")

    assert texts(watcher) == ["aA", "bB"]


def test_one_odd_choice_hides_no_other() -> None:
    """What can be read is read."""
    watcher, _ = watched_chunk({"choices": [None, {"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]})

    assert texts(watcher) == ["a"]
    assert watcher.finish_reason == "stop"


def test_no_more_text_is_kept_than_the_limit() -> None:
    """An answer without end must not fill the worker's memory."""
    piece = "x" * (TEXT_LIMIT // 2 + 1)
    watcher = CompletionWatcher(Metered.RESPONSES)
    for _ in range(4):
        event = {"type": "response.output_text.delta", "delta": piece}
        watcher.see_event(b"data: " + json.dumps(event).encode() + b"\n\n")

    assert sum(map(len, texts(watcher))) == TEXT_LIMIT


@pytest.mark.parametrize("odd", ODD_COUNTS)
def test_a_count_that_is_none_is_no_usage(odd: Any) -> None:
    """A wrong count is worse than none: without one the call is estimated, and says so."""
    assert reported_usage({"prompt_tokens": odd, "completion_tokens": 5}) is None
    assert reported_usage({"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": odd}) is None


@pytest.mark.parametrize("usage", [None, "text", 5, [], {}, [{"prompt_tokens": 1}], {"prompt_tokens": None}])
def test_a_usage_without_counts_is_none(usage: Any) -> None:
    """Azure sends null with every chunk but the last; it is not 0 tokens."""
    assert reported_usage(usage) is None


@pytest.mark.parametrize("odd", ODD_COUNTS)
def test_an_odd_part_hides_no_count(odd: Any) -> None:
    """Cached tokens are a part: where that cannot be read, the whole still stands."""
    usage = {"prompt_tokens": 7, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": odd}}

    assert reported_usage(usage) == TokenUsage(
        prompt_tokens=7, completion_tokens=5, total_tokens=12, source=UsageSource.REPORTED
    )


def test_tokens_that_few_calls_have_are_read() -> None:
    """They cost more than others. Where there are none, as in most answers, their columns are left out."""
    usage = {
        "prompt_tokens": 30,
        "completion_tokens": 20,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 9, "cache_write_tokens": 12},
        "completion_tokens_details": {"audio_tokens": 0, "reasoning_tokens": 0},
    }
    read = reported_usage(usage)

    assert read is not None
    assert (read.audio_prompt_tokens, read.cache_write_tokens, read.audio_completion_tokens) == (9, 12, None)
    assert (read.cached_tokens, read.reasoning_tokens) == (0, 0)


@pytest.mark.parametrize(
    ("tiers", "read"),
    [
        ([], None),
        (["auto"], None),
        (["auto", "priority"], "priority"),
        (["default", None], "default"),
        ([3, {}, ""], "3"),
    ],
)
def test_the_tier_is_the_one_that_served_not_the_one_asked_for(tiers: list[Any], read: str | None) -> None:
    """A Responses stream begins with what was asked for, `auto`, and ends with what was had."""
    stream = b"".join(
        b"data: " + json.dumps({"type": "response.in_progress", "response": {"service_tier": tier}}).encode() + b"\n\n"
        for tier in tiers
    )
    watcher, _ = watched_stream(Metered.RESPONSES, stream)

    assert watcher.service_tier == read


@pytest.mark.parametrize("details", [None, {}, [], "x", 3, {"cached_tokens": None}])
def test_null_details_are_unknown_parts(details: Any) -> None:
    """Some deployments send null, some leave them out; neither is 0 cached tokens."""
    usage = reported_usage({"prompt_tokens": 7, "prompt_tokens_details": details, "completion_tokens_details": details})

    assert usage
    assert (usage.prompt_tokens, usage.cached_tokens, usage.reasoning_tokens) == (7, None, None)


def test_a_total_is_not_known_without_the_prompt() -> None:
    """To add an unknown prompt as 0 would report a total that is too low."""
    assert reported_usage({"completion_tokens": 5}) == TokenUsage(completion_tokens=5, source=UsageSource.REPORTED)


def test_a_total_fits_its_column() -> None:
    """Azure's own numbers cannot cost us the row: each fits an Int64, so must their sum."""
    most = 2**62 - 1
    usage = reported_usage({"prompt_tokens": most, "completion_tokens": most})

    assert usage
    assert usage.total_tokens == 2 * most <= INT64_MAX


def test_later_odd_usage_does_not_undo_a_count() -> None:
    """A null after the count, as some gateways send, must not lose it."""
    stream = (
        b'data: {"choices":[],"usage":{"prompt_tokens":3}}\n\ndata: {"choices":[],"usage":null}\n\ndata: {"usage":1}'
    )

    watcher, _ = watched_stream(Metered.CHAT_COMPLETIONS, stream)

    assert watcher.usage
    assert watcher.usage.prompt_tokens == 3


@pytest.mark.parametrize(
    ("chunk", "sight"),
    [
        ({"choices": [], "usage": {"prompt_tokens": 1}}, Sight.USAGE_ONLY),
        ({"usage": {"prompt_tokens": 1}}, Sight.USAGE_ONLY),
        ({"choices": [{"index": 0, "delta": {}}], "usage": {"prompt_tokens": 1}}, Sight.ORDINARY),
        ({"choices": [1], "usage": {"prompt_tokens": 1}}, Sight.ORDINARY),
        ({"choices": [{"index": 0}, 1], "usage": {"prompt_tokens": 1}}, Sight.ORDINARY),
        ({"choices": [], "usage": None}, Sight.ORDINARY),
        ({"choices": [], "prompt_filter_results": []}, Sight.ORDINARY),
        ({"choices": []}, Sight.ORDINARY),
        ({}, Sight.ORDINARY),
    ],
)
def test_only_the_chunk_that_we_cause_is_usage_only(chunk: dict[str, Any], sight: Sight) -> None:
    """It is taken out of the stream: any other that looked like it would be lost to the caller."""
    assert watched_chunk(chunk)[1] is sight


@pytest.mark.parametrize("event", [b": keep-alive\n\n", b"\n\n", b"data: [DONE\n\n", b"data: {\n\n", b"data: 1\n\n"])
def test_what_is_no_chunk_says_nothing(event: bytes) -> None:
    """Comments keep the connection alive; they are not the answer."""
    watcher, sights = watched_stream(Metered.CHAT_COMPLETIONS, event)

    assert sights == [Sight.ORDINARY]
    assert not watcher.is_complete


FIELDS = (
    "model usage choices error type delta response output status code index finish_reason text message content refusal "
    "tool_calls function name arguments prompt_tokens completion_tokens input_tokens output_tokens total_tokens "
    "prompt_tokens_details input_tokens_details cached_tokens completion_tokens_details reasoning_tokens"
).split()
scalars = st.sampled_from([None, *ODD_COUNTS, "error", "response.completed", "response.output_text.delta"]) | st.text()
values = st.recursive(
    scalars | st.integers() | st.floats(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=6),
    max_leaves=25,
)
answers = st.dictionaries(st.sampled_from(FIELDS), values, max_size=8)


def assert_storable(watcher: CompletionWatcher) -> None:
    for label in (watcher.model, watcher.finish_reason, watcher.error_code):
        assert label is None or (isinstance(label, str) and 0 < len(label) <= 256)
    usage = watcher.usage
    if usage is None:
        return
    for count in (
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.total_tokens,
        usage.cached_tokens,
        usage.reasoning_tokens,
    ):
        assert count is None or (type(count) is int and 0 <= count <= INT64_MAX)


@given(answers, st.sampled_from([None, *Metered]))
def test_no_json_makes_it_raise_or_keep_what_cannot_be_stored(answer: dict[str, Any], metered: Metered | None) -> None:
    """An answer we cannot read is the caller's all the same, and its row is written."""
    body = json.dumps(answer).encode()

    assert_storable(watched_body(metered, body))
    assert_storable(watched_stream(metered, b"data: " + body + b"\n\n")[0])


@given(st.binary(), st.sampled_from([None, *Metered]))
def test_no_bytes_make_it_raise(body: bytes, metered: Metered | None) -> None:
    """Watching never breaks the relay."""
    assert_storable(watched_body(metered, body))
    assert_storable(watched_stream(metered, b"data: " + body + b"\n\n")[0])


@pytest.mark.parametrize(
    "member",
    [
        b'"usage":' + b"[" * 100_000,
        b'"x":' + b"[" * 100_000 + b"]" * 100_000,
        b'"model":' + b"1" * 5000,
        b'"model":"\\ud800"',
        b'"model":"\xff"',
        b'"type":[]',
        b'"choices":[{"index":' + b"1" * 5000 + b',"delta":{"content":"a"}}]',
    ],
)
@pytest.mark.parametrize("metered", [None, *Metered])
def test_no_hostile_member_makes_it_raise(member: bytes, metered: Metered | None) -> None:
    """Depth, numbers beyond what Python prints, half characters, values that are no keys."""
    body = b"{" + member + b"}"

    assert_storable(watched_body(metered, body))
    assert_storable(watched_stream(metered, b"data: " + body + b"\n\n")[0])


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(("prompt_tokens", "output_tokens", "total_tokens"), scalars)))
def test_a_count_is_what_was_sent_or_none(usage: dict[str, Any]) -> None:
    """Nothing is rounded, read out of a text, or made up."""
    reported = reported_usage(usage)
    if reported is None:
        return

    sent = (usage.get("prompt_tokens"), usage.get("output_tokens"))
    assert (reported.prompt_tokens, reported.completion_tokens) == sent
    assert usage.get("total_tokens") in {None, reported.total_tokens}
