"""The turns of a chat: messages, calls, and the results that belong to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shared.domain.counting.count import NOTHING, Count
from shared.domain.counting.json_values import JsonObject, objects_of, text_of
from shared.domain.counting.messages import count_content, count_message, count_said, text_of_content
from shared.domain.counting.periods import RESULTS_IN_ASCII
from shared.domain.counting.rules import Rules
from shared.domain.counting.tool_turns import PARALLEL, count_calls, count_sender, merged_results, tool_calls

_RESULTS = frozenset({"tool", "function"})


def count_turns(messages: Sequence[JsonObject], answer_header: int, rules: Rules) -> Count:
    """Return the tokens of a conversation. Each answer in words has a header of `answer_header` tokens more."""
    names: dict[str, str] = {}
    total = NOTHING
    for turn, results in _turns(messages):
        names |= {
            text_of(call.get("id")): made.name
            for call, made in zip(objects_of(turn.get("tool_calls")), tool_calls(turn), strict=False)
        }
        total += _count_turn(turn, names, rules)
        if turn.get("role") == "assistant" and not tool_calls(turn):
            total += Count(answer_header)
        total += _count_results(turn, results, names, rules)
    return total


def _turns(messages: Sequence[JsonObject]) -> Iterator[tuple[JsonObject, list[JsonObject]]]:
    """Yield each message, with the results of tools that follow it."""
    turn: JsonObject | None = None
    results: list[JsonObject] = []
    for message in messages:
        if turn is not None and text_of(message.get("role")) in _RESULTS:
            results.append(message)
            continue
        if turn is not None:
            yield turn, results
        turn, results = message, []
    if turn is not None:
        yield turn, results


def _count_turn(turn: JsonObject, names: dict[str, str], rules: Rules) -> Count:
    if text_of(turn.get("role")) in _RESULTS:
        return _count_result(turn, names, rules)
    if calls := tool_calls(turn):
        return Count(count_calls(calls, rules)) + count_said(turn, rules)
    return count_message(turn, rules)


def _count_results(turn: JsonObject, results: Sequence[JsonObject], names: dict[str, str], rules: Rules) -> Count:
    if len(results) < 2 or len(tool_calls(turn)) < 2 or not rules.dialect.prompt.merges_calls:
        return sum((_count_result(result, names, rules) for result in results), NOTHING)
    texts = [text_of_content(result.get("content")) for result in results]
    others = (result for result, text in zip(results, texts, strict=True) if text is None)
    in_ascii = rules.answered_on in RESULTS_IN_ASCII
    merged = merged_results([text for text in texts if text is not None], in_ascii=in_ascii)
    pictured = sum((count_content(result.get("content"), rules) for result in others), NOTHING)
    return Count(count_sender(PARALLEL, rules) + rules.count(merged)) + pictured


def _count_result(result: JsonObject, names: dict[str, str], rules: Rules) -> Count:
    name = names.get(text_of(result.get("tool_call_id"))) or text_of(result.get("name"))
    return Count(count_sender(name, rules)) + count_content(result.get("content"), rules)
