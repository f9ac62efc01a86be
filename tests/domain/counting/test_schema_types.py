"""The form is what recorded calls bill; what is asked here is that form, and that nothing blows it up."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.counting.schema_types import MOST_CHARACTERS, SchemaTooLarge, SchemaTypes


def written(schema: Any, *, break_unions: bool = True) -> str | None:
    return SchemaTypes(break_unions=break_unions).parameters(schema)


def parameters(required: list[str] | None = None, /, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required or []}


def test_parameters_without_a_comment_are_one_line() -> None:
    """Only a comment, or a member of several lines, breaks it."""
    schema = parameters(["a"], a={"type": "integer"}, b={"type": "array", "items": {"type": "string"}})

    assert written(schema) == "{ a: number, b?: string[] }"


def test_titles_and_descriptions_are_comments() -> None:
    """Every line of them, without its blanks, and an empty comment between the two."""
    member = {"type": "string", "title": "City", "description": "where\n   to look "}

    assert written(parameters(city=member)) == "{\n// City\n//\n// where\n// to look\ncity?: string,\n}"


def test_the_object_itself_is_described_where_it_begins() -> None:
    """On the line of the tool: a break before it would cost a token, which recorded calls do not bill."""
    schema = parameters(a={"type": "string"}) | {"title": "Args"}

    assert written(schema) == "// Args\n{ a?: string }"


def test_a_default_is_a_comment_that_breaks_no_line() -> None:
    """Ten recorded calls are exact only so."""
    schema = parameters(a={"type": "boolean", "default": False})

    assert written(schema) == "{ a?: boolean, // default: false }"


def test_a_default_ends_the_line_of_an_object_of_several() -> None:
    """The comma comes before it."""
    schema = parameters(a={"type": "string", "description": "what", "default": None})

    assert written(schema) == "{\n// what\na?: string, // default: null\n}"


def test_an_object_within_is_not_indented() -> None:
    """Nor is it broken, unless something in it is."""
    inner = parameters(x={"type": "string", "description": "what"})

    assert written(parameters(a=inner, b=parameters(y={"type": "number"}))) == (
        "{\na?: {\n// what\nx?: string,\n},\nb?: { y?: number },\n}"
    )


def test_an_array_of_objects_of_several_lines_is_spelt_out() -> None:
    """As `Array<>`, with the comments of the item before it."""
    item = parameters(x={"type": "string", "description": "what"}) | {"title": "Item"}

    assert written(parameters(a={"type": "array", "items": item})) == (
        "{\na?: Array<\n// Item\n{\n// what\nx?: string,\n}\n>,\n}"
    )


@pytest.mark.parametrize(
    ("schema", "shown"),
    [
        ({"enum": ["a", 1, None]}, '"a" | 1 | null'),
        ({"const": "a"}, '"a"'),
        ({"type": "array"}, "any[]"),
        ({"type": "object"}, "object"),
        ({}, "any"),
        ({"type": "unheard-of"}, "any"),
        ({"type": 3, "minimum": 3, "pattern": "x"}, "any"),
    ],
)
def test_every_schema_has_a_type(schema: dict[str, Any], shown: str) -> None:
    """Bounds and patterns are not shown to the model."""
    assert written(parameters(a=schema)) == f"{{ a?: {shown} }}"


@pytest.mark.parametrize(
    ("schema", "shown"),
    [
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string | null"),
        ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, "string | number"),
        ({"type": ["string", "null"]}, "string | null"),
    ],
)
def test_a_union_on_one_line_follows_its_name_close(schema: dict[str, Any], shown: str) -> None:
    """Where it may break the line, the break is what parts them: four recorded calls bill no blank instead of it."""
    assert written(parameters(a=schema)) == f"{{ a?:{shown} }}"
    assert written(parameters(a=schema), break_unions=False) == f"{{ a?: {shown} }}"


def test_the_variants_of_a_union_are_lines_where_they_say_something() -> None:
    """A list of types has its description in each of them: 11 recorded calls."""
    schema = parameters(a={"type": ["string", "null"], "description": "what"})

    assert written(schema) == "{\n// what\na?:\n| // what\nstring\n| // what\nnull,\n}"
    assert written(schema, break_unions=False) == "{\n// what\na?: string | null,\n}"


def test_a_format_is_a_comment() -> None:
    """The one keyword beside the type that is shown: two recorded calls."""
    schema = parameters(a={"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]})

    assert written(schema) == "{\na?:\n| // format: date\nstring\n| null,\n}"


def test_a_reference_is_put_in_its_place() -> None:
    """What stands beside it counts first."""
    schema = parameters(a={"$ref": "#/$defs/City", "description": "here"}) | {
        "$defs": {"City": {"type": "string", "description": "there"}}
    }

    assert written(schema) == "{\n// here\na?: string,\n}"


def test_members_that_nobody_named_are_shown() -> None:
    """An open object takes any."""
    schema = parameters(a={"type": "string"}) | {"additionalProperties": True}

    assert written(schema) == "{ a?: string, [k: string]: any }"


@pytest.mark.parametrize("schema", [None, [], {}, {"type": "object", "properties": {}, "additionalProperties": False}])
def test_no_members_are_no_parameters(schema: Any) -> None:
    """The tool is then shown without."""
    assert written(schema) is None


def _doubling(depth: int) -> dict[str, Any]:
    twice = [
        {"a": {"$ref": f"#/$defs/{number + 1}"}, "b": {"$ref": f"#/$defs/{number + 1}"}} for number in range(depth)
    ]
    defs = {str(number): {"type": "object", "properties": members} for number, members in enumerate(twice)}
    return {"$ref": "#/$defs/0", "$defs": defs | {str(depth): {"type": "string", "description": "x" * 100}}}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}},
        {"$defs": {"a": parameters(a={"$ref": "#/$defs/a"})}, "$ref": "#/$defs/a"},
        _doubling(60),
        _doubling(16),
        parameters(a={"enum": ["x" * MOST_CHARACTERS]}),
    ],
)
def test_a_schema_without_end_is_refused(schema: dict[str, Any]) -> None:
    """Half a kilobyte of references can say a gigabyte of types."""
    with pytest.raises(SchemaTooLarge):
        written(schema)


def test_the_bounds_hold_for_all_tools_together() -> None:
    """A thousand tools must not have a thousand times the room."""
    types = SchemaTypes(break_unions=True)
    large = parameters(a={"enum": ["x" * (MOST_CHARACTERS * 2 // 3)]})
    types.parameters(large)

    with pytest.raises(SchemaTooLarge):
        types.parameters(large)


schemas = st.recursive(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["string", "integer", "null", ["string", "null"]]),
            "description": st.text("ab \n", max_size=9),
            "enum": st.lists(st.text("ab", max_size=3), max_size=2),
        },
    ),
    lambda inner: (
        st.fixed_dictionaries({"type": st.just("array"), "items": inner})
        | st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=3)})
        | st.fixed_dictionaries({"properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=3)})
    ),
    max_leaves=12,
)


@given(schemas)
def test_braces_match_whatever_the_schema(schema: dict[str, Any]) -> None:
    """Lines that were lost or written twice would leave one over."""
    text = written(parameters(a=schema)) or ""
    code = "\n".join(line.split("//")[0] for line in text.split("\n"))

    assert code.count("{") == code.count("}")
    assert code.count("Array<") == sum(line.startswith(">") for line in code.split("\n"))
