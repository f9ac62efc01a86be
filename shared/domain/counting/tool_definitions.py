"""The tools a caller defines, as the model is shown them."""

from __future__ import annotations

from collections.abc import Sequence

from shared.domain.counting.count import NOTHING, Count, Uncounted, lower_bound, unknown
from shared.domain.counting.json_values import JsonObject, object_of, objects_of, text_of
from shared.domain.counting.rules import Rules
from shared.domain.counting.schema_types import SchemaTooLarge, SchemaTypes, comment_lines
from shared.domain.operation import Metered

# What stands over the definitions where they are a part of the system message.
HEADING = "# Tools\n\n## functions\n\n"

# Tools that the caller runs itself; every other type is the service's, with instructions we never see.
_FUNCTION = "function"
_CUSTOM = "custom"


def defined_functions(request: JsonObject) -> list[JsonObject]:
    """Return the functions a request defines, in either dialect, and in the form before there were tools."""
    tools = objects_of(request.get("tools"))
    functions = [object_of(tool.get("function")) or tool for tool in tools if tool.get("type") == _FUNCTION]
    return functions + objects_of(request.get("functions"))


def count_other_tools(request: JsonObject) -> Count:
    """Return what is known of the tools that are no functions: that they are not counted."""
    kinds = [tool.get("type") for tool in objects_of(request.get("tools"))]
    others = (kind for kind in kinds if kind != _FUNCTION)
    return sum((_uncounted(kind) for kind in others), NOTHING)


def _uncounted(kind: object) -> Count:
    return lower_bound(0, Uncounted.TOOLS) if kind == _CUSTOM else unknown(Uncounted.BUILT_IN_TOOLS)


def tools_text(functions: Sequence[JsonObject], rules: Rules) -> str:
    """
    Return the definitions as the model reads them.

    Raises:
        SchemaTooLarge: they cannot be written out within bounds.
    """
    harmony = rules.family.reads_harmony
    types = SchemaTypes(break_unions=rules.metered is not Metered.RESPONSES)
    definitions = "\n\n".join(_definition(function, types, harmony=harmony) for function in functions)
    # With the second line break a first comment costs the token that it costs there.
    opening = "\n\n\n" if harmony else "\n\n"
    return f"namespace functions {{{opening}{definitions}\n\n}} // namespace functions"


def _definition(function: JsonObject, types: SchemaTypes, *, harmony: bool) -> str:
    name = text_of(function.get("name"))
    description = text_of(function.get("description"))
    comments = comment_lines(description.strip() if harmony else description)
    parameters = types.parameters(function.get("parameters"))
    taken = f"_: {parameters}" if parameters else ""
    return "\n".join([*comments, f"type {name} = ({taken}) => any;"])


def count_tools_apart(functions: Sequence[JsonObject], rules: Rules) -> Count:
    """Return the tokens of the definitions where they are in a message of their own."""
    if not functions:
        return NOTHING
    frame = rules.dialect.prompt.tools
    try:
        text = tools_text(functions, rules)
    except SchemaTooLarge:
        return lower_bound(0, Uncounted.TOOLS)
    return lower_bound(0, Uncounted.TOOLS) if frame is None else Count(frame + rules.count(text))


def count_tool_choice(request: JsonObject, rules: Rules) -> Count:
    """Return what it costs to force a tool on the model, or to keep it from them."""
    choice = request.get("tool_choice", request.get("function_call"))
    functions = defined_functions(request)
    if choice == "none" and functions:
        return Count(rules.dialect.prompt.no_tool)
    name = forced_function(request, rules)
    if name is None or not rules.dialect.prompt.forced_tool:
        return NOTHING
    return Count(rules.dialect.prompt.forced_tool + rules.count(name))


def forced_function(request: JsonObject, rules: Rules) -> str | None:
    """Return the function that a request forces on the model, None if it leaves it a choice."""
    choice = request.get("tool_choice", request.get("function_call"))
    if isinstance(choice, dict):
        name = text_of(object_of(choice.get("function")).get("name")) or text_of(choice.get("name"))
        return name or None
    # In the Responses API, to require a tool where there is one is to force it.
    functions = defined_functions(request)
    if rules.metered is Metered.RESPONSES and choice == "required" and len(functions) == 1:
        return text_of(functions[0].get("name"))
    return None
