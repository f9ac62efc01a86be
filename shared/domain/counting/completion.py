"""The completion: what was seen of the answer, and what framed it."""

from __future__ import annotations

from shared.domain.counting.count import NOTHING, Count, Uncounted, lower_bound, unknown
from shared.domain.counting.json_values import JsonObject, object_of
from shared.domain.counting.periods import ENDS_BILLED
from shared.domain.counting.response_format import answers_format
from shared.domain.counting.rules import Rules
from shared.domain.counting.tool_definitions import forced_function
from shared.domain.counting.tool_turns import PARALLEL, parallel_arguments, recipient
from shared.domain.operation import Metered
from shared.domain.visible_answer import Choice, VisibleAnswer

# How an answer ends that the model itself has ended. None is an answer that did not say.
_STOPPED = frozenset({"stop", "completed", "tool_calls", "function_call", None})


def count_completion(
    answer: VisibleAnswer, request: JsonObject, rules: Rules, *, cut: bool = False, on_azure: bool = True
) -> Count:
    """
    Return the tokens of an answer.

    One that was cut has no end yet: its count is a lower bound, as is any beside hidden reasoning.
    """
    # Of one that was cut before its first word, 0 would say that it had none.
    if not answer.choices or (cut and not answer.length):
        return unknown(Uncounted.ANSWER)
    if rules.metered is Metered.COMPLETIONS and request.get("echo") is True:
        return unknown(Uncounted.ECHO)
    seen = sum((Count(_count_choice(choice, request, rules, cut=cut)) for choice in answer.choices), NOTHING)
    if answer.has_reasoned and not cut:
        seen += Count(rules.dialect.answer.reasoned)
    ends = 0 if cut else sum(_count_end_token(choice, request, rules, on_azure=on_azure) for choice in answer.choices)
    return seen + Count(ends) + _count_unseen(answer, request, rules)


def _count_choice(choice: Choice, request: JsonObject, rules: Rules, *, cut: bool) -> int:
    said = sum(map(rules.count, choice.texts)) + rules.count(choice.refusal)
    if rules.metered is Metered.COMPLETIONS:
        return said
    if cut:
        return said + sum(rules.count(call.name) + rules.count(call.arguments) for call in choice.tool_calls)
    if choice.tool_calls:
        return said + _count_calls(choice, request, rules)
    if choice.finish_reason not in _STOPPED:
        return said
    return said + _count_end(request, rules) + (rules.dialect.answer.refusal if choice.refusal else 0)


def _count_calls(choice: Choice, request: JsonObject, rules: Rules) -> int:
    calls = choice.tool_calls
    if forced_function(request, rules) is not None and rules.dialect.prompt.forced_tool:
        # The header of the reply is prompt already, as far as the arguments.
        return rules.dialect.answer.forced_call + sum(rules.count(call.arguments) for call in calls)
    if len(calls) > 1:
        return rules.dialect.answer.call + rules.count(PARALLEL) + rules.count(parallel_arguments(calls))
    return sum(
        rules.dialect.answer.call + rules.count(recipient(call.name)) + rules.count(call.arguments) for call in calls
    )


def _count_end(request: JsonObject, rules: Rules) -> int:
    has_tools = _has_tools(request)
    end = rules.dialect.answer.text_with_tools if has_tools else rules.dialect.answer.text
    answer_format = answers_format(request)
    # Where it might have called a tool, it is the model that writes in the header what it follows.
    if answer_format and (has_tools or rules.dialect.answer.names_format):
        return end + answer_format.header_tokens(rules)
    return end


def _has_tools(request: JsonObject) -> bool:
    # With "none" it has no tools.
    choice = request.get("tool_choice", request.get("function_call"))
    return choice != "none" and bool(request.get("tools") or request.get("functions"))


def _count_end_token(choice: Choice, request: JsonObject, rules: Rules, *, on_azure: bool) -> int:
    if rules.metered is not Metered.CHAT_COMPLETIONS or choice.finish_reason not in _STOPPED:
        return 0
    if on_azure:
        return rules.family.azure_end_tokens
    # A stop sequence ends an answer without that token, and which of the two it was does not show.
    is_billed = rules.answered_on in ENDS_BILLED and not request.get("stop") and not rules.family.reasons
    return 1 if is_billed else 0


def _count_unseen(answer: VisibleAnswer, request: JsonObject, rules: Rules) -> Count:
    """Return that tokens are billed which do not show."""
    total = NOTHING
    if rules.family.reasons and _effort(request) != "none":
        total += lower_bound(0, Uncounted.REASONING)
    if answer.has_audio:
        total += lower_bound(0, Uncounted.AUDIO)
    if any(choice.finish_reason == "content_filter" for choice in answer.choices):
        total += lower_bound(0, Uncounted.FILTERED)
    if answer.has_built_in_items:
        # Neither a lower bound: a web search puts links into the text that nobody is billed for.
        total += unknown(Uncounted.BUILT_IN_TOOLS)
    return total


def _effort(request: JsonObject) -> object:
    return request.get("reasoning_effort") or object_of(request.get("reasoning")).get("effort")
