"""The prompt of a chat completions request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shared.domain.counting.count import NOTHING, Count, Uncounted, lower_bound, unknown
from shared.domain.counting.json_values import JsonObject, objects_of, text_of
from shared.domain.counting.messages import count_content, count_message, count_said, text_of_content
from shared.domain.counting.response_format import FormatTooDeep, ResponseFormat, answers_format
from shared.domain.counting.rules import Rules
from shared.domain.counting.schema_types import SchemaTooLarge
from shared.domain.counting.tool_definitions import (
    HEADING,
    count_other_tools,
    count_tool_choice,
    count_tools_apart,
    defined_functions,
    tools_text,
)
from shared.domain.counting.tool_turns import PARALLEL, count_calls, count_sender, merged_results, tool_calls

_SYSTEM = frozenset({"system", "developer"})
_RESULTS = frozenset({"tool", "function"})

# What a member puts into the prompt beside the messages, where it is set. A web search is billed
# below the text that was sent; data sources put in documents that we never see.
# https://learn.microsoft.com/azure/ai-foundry/openai/references/on-your-data
_MEMBERS = ("web_search_options", "data_sources", "dataSources")


def count_chat_prompt(request: JsonObject, rules: Rules) -> Count:
    """Return the prompt tokens of a chat completions request."""
    messages = objects_of(request.get("messages"))
    if not messages:
        return unknown(Uncounted.REQUEST_UNREADABLE)
    answer_format = answers_format(request)
    defined = _count_definitions(request, messages, answer_format, rules)
    return (
        Count(rules.family.priming_tokens)
        + defined
        + _count_turns(messages, answer_format, rules)
        + _count_reply_header(request, answer_format, rules)
        + count_tool_choice(request, rules)
        + count_other_tools(request)
        + _count_members(request)
    )


def _count_definitions(
    request: JsonObject, messages: Sequence[JsonObject], answer_format: ResponseFormat | None, rules: Rules
) -> Count:
    """Return what tools and response format add, in the system message or beside it."""
    functions = defined_functions(request)
    if rules.dialect.in_system_message:
        return _count_sections(functions, messages, answer_format, rules)
    # No call with a schema was recorded for these families.
    uncounted = lower_bound(0, Uncounted.RESPONSE_FORMAT) if answer_format else NOTHING
    return count_tools_apart(functions, rules) + uncounted


def _count_sections(
    functions: Sequence[JsonObject],
    messages: Sequence[JsonObject],
    answer_format: ResponseFormat | None,
    rules: Rules,
) -> Count:
    """Return what the sections of the system message add to it; where there is none they make one."""
    try:
        sections = list(_sections(functions, answer_format, rules))
    except (SchemaTooLarge, FormatTooDeep):
        return lower_bound(0, Uncounted.TOOLS if functions else Uncounted.RESPONSE_FORMAT)
    if not sections:
        return NOTHING
    extra = Count(rules.dialect.tools_tokens or 0) if functions else NOTHING
    system = next((message for message in messages if message.get("role") in _SYSTEM), None)
    if system is None:
        return extra + count_message({"role": "system", "content": "\n\n".join(sections)}, rules)
    said = text_of_content(system.get("content")) or ""
    added = rules.count("\n\n".join([said, *sections])) - rules.count(said)
    return extra + Count(added)


def _sections(functions: Sequence[JsonObject], answer_format: ResponseFormat | None, rules: Rules) -> Iterator[str]:
    if functions:
        yield HEADING + tools_text(functions, rules)
    if answer_format:
        yield answer_format.text()


def _count_turns(messages: Sequence[JsonObject], answer_format: ResponseFormat | None, rules: Rules) -> Count:
    header = answer_format.header_tokens(rules) if answer_format and rules.dialect.in_system_message else 0
    names: dict[str, str] = {}
    total = NOTHING
    for turn, results in _turns(messages):
        names |= {
            text_of(call.get("id")): made.name
            for call, made in zip(objects_of(turn.get("tool_calls")), tool_calls(turn), strict=False)
        }
        total += _count_turn(turn, names, rules)
        if turn.get("role") == "assistant" and not tool_calls(turn):
            total += Count(header)
        total += _count_results(turn, results, names, rules)
    return total


def _turns(messages: Sequence[JsonObject]) -> Iterator[tuple[JsonObject, list[JsonObject]]]:
    """Yield each message, with the results of tools that follow it."""
    turn: JsonObject | None = None
    results: list[JsonObject] = []
    for message in messages:
        if turn is not None and message.get("role") in _RESULTS:
            results.append(message)
            continue
        if turn is not None:
            yield turn, results
        turn, results = message, []
    if turn is not None:
        yield turn, results


def _count_turn(turn: JsonObject, names: dict[str, str], rules: Rules) -> Count:
    if turn.get("role") in _RESULTS:
        return _count_result(turn, names, rules)
    if calls := tool_calls(turn):
        return Count(count_calls(calls, rules)) + count_said(turn, rules)
    return count_message(turn, rules)


def _count_results(turn: JsonObject, results: Sequence[JsonObject], names: dict[str, str], rules: Rules) -> Count:
    if len(results) < 2 or len(tool_calls(turn)) < 2 or not rules.dialect.merges_calls:
        return sum((_count_result(result, names, rules) for result in results), NOTHING)
    texts = [text_of_content(result.get("content")) for result in results]
    others = (result for result, text in zip(results, texts, strict=True) if text is None)
    merged = merged_results([text for text in texts if text is not None])
    pictured = sum((count_content(result.get("content"), rules) for result in others), NOTHING)
    return Count(count_sender(PARALLEL, rules) + rules.count(merged)) + pictured


def _count_result(result: JsonObject, names: dict[str, str], rules: Rules) -> Count:
    name = names.get(text_of(result.get("tool_call_id"))) or text_of(result.get("name"))
    return Count(count_sender(name, rules)) + count_content(result.get("content"), rules)


def _count_reply_header(request: JsonObject, answer_format: ResponseFormat | None, rules: Rules) -> Count:
    # A model that has tools may call one: only where it has none is the header of its reply written.
    if answer_format is None or not rules.dialect.in_system_message or defined_functions(request):
        return NOTHING
    return Count(answer_format.header_tokens(rules))


def _count_members(request: JsonObject) -> Count:
    # An empty object switches web search on.
    is_set = any(request.get(name) not in (None, []) for name in _MEMBERS)
    return unknown(Uncounted.BUILT_IN_TOOLS) if is_set else NOTHING
