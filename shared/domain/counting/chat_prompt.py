"""The prompt of a chat completions request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shared.domain.counting.chat_turns import count_turns
from shared.domain.counting.count import NOTHING, Count, Uncounted, lower_bound, unknown
from shared.domain.counting.json_values import JsonObject, objects_of, text_of
from shared.domain.counting.messages import count_message, has_image, text_of_content
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

_SYSTEM = frozenset({"system", "developer"})

# What a member puts into the prompt beside the messages, where it is set. A web search is billed
# below the text that was sent; data sources put in documents that we never see.
# https://learn.microsoft.com/azure/ai-foundry/openai/references/on-your-data
_MEMBERS = ("web_search_options", "data_sources", "dataSources")

# How far back a text can tell what is counted of the text that follows it: a word, or blanks.
_JOINED_CHARACTERS = 2000


def count_chat_prompt(request: JsonObject, rules: Rules) -> Count:
    """Return the prompt tokens of a chat completions request."""
    messages = objects_of(request.get("messages"))
    if not messages:
        return unknown(Uncounted.REQUEST_UNREADABLE)
    answer_format = answers_format(request)
    named = answer_format if rules.dialect.prompt.in_system_message else None
    # A past answer has the header of one that follows the schema. So has the reply, unless it may call a tool.
    header = named.header_tokens(rules) if named else 0
    return (
        Count(rules.family.priming_tokens)
        + _count_definitions(request, messages, answer_format, rules)
        + count_turns(messages, header, rules)
        + (NOTHING if defined_functions(request) else Count(header))
        + count_tool_choice(request, rules)
        + count_other_tools(request)
        + Count(_count_images_beside_tools(request, messages, rules))
        + _count_members(request)
    )


def _count_definitions(
    request: JsonObject, messages: Sequence[JsonObject], answer_format: ResponseFormat | None, rules: Rules
) -> Count:
    """Return what tools and response format add, in the system message or beside it."""
    functions = defined_functions(request)
    if rules.dialect.prompt.in_system_message:
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
    extra = Count(rules.dialect.prompt.tools or 0) if functions else NOTHING
    system = next((message for message in messages if text_of(message.get("role")) in _SYSTEM), None)
    if system is None:
        return extra + count_message({"role": "system", "content": "\n\n".join(sections)}, rules)
    said = (text_of_content(system.get("content")) or "")[-_JOINED_CHARACTERS:]
    added = rules.count("\n\n".join([said, *sections])) - rules.count(said)
    return extra + Count(added)


def _sections(functions: Sequence[JsonObject], answer_format: ResponseFormat | None, rules: Rules) -> Iterator[str]:
    if functions:
        yield HEADING + tools_text(functions, rules)
    if answer_format:
        yield answer_format.text()


def _count_members(request: JsonObject) -> Count:
    # An empty object switches web search on.
    is_set = any(request.get(name) not in (None, []) for name in _MEMBERS)
    return unknown(Uncounted.BUILT_IN_TOOLS) if is_set else NOTHING


def _count_images_beside_tools(request: JsonObject, messages: Sequence[JsonObject], rules: Rules) -> int:
    has_both = defined_functions(request) and any(has_image(message.get("content")) for message in messages)
    return rules.dialect.prompt.image_beside_tools if has_both else 0
