"""Route templates."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.function_host.routes import TemplateError, parse_template, path_segments


@pytest.mark.parametrize(
    ("template", "path", "parameters"),
    [
        ("usage", "/usage", {}),
        ("usage", "/Usage/", {}),
        ("usage", "/usage/7", None),
        ("usage/{id}", "/usage/a%20b", {"id": "a b"}),
        ("usage/{id}", "/usage", None),
        ("usage/{id}", "/usage//", None),
        ("usage/{id?}", "/usage", {}),
        ("usage/{id?}", "/usage/7", {"id": "7"}),
        ("openai/{*path}", "/openai", {}),
        ("openai/{*path}", "/openai/v1/models", {"path": "v1/models"}),
        ("openai/{**path}", "/openai/a%2Fb/c", {"path": "a%2Fb/c"}),
        ("openai/{*path}", "/elsewhere/openai", None),
        ("", "/", {}),
    ],
)
def test_a_template_matches_as_in_asp_net(template: str, path: str, parameters: dict[str, str] | None) -> None:
    """Azure's host is ASP.NET; a route that matches only here would be a surprise there."""
    assert parse_template(template).match(path_segments(path.encode())) == parameters


@given(st.lists(st.text(min_size=1).filter(lambda text: "/" not in text), min_size=1, max_size=4))
def test_a_catch_all_gives_back_every_segment_decoded(segments: list[str]) -> None:
    """Whatever a caller puts into a path reaches the function."""
    path = "/openai/" + "/".join(quote(segment, safe="") for segment in segments)

    assert parse_template("openai/{*path}").match(path_segments(path.encode())) == {"path": "/".join(segments)}


def test_the_more_particular_template_comes_first() -> None:
    """Azure does not look at the order functions stand in either."""
    texts = ["usage/{*rest}", "usage/{id?}", "usage/{id}", "usage/all"]
    ordered = sorted(map(parse_template, texts), key=lambda template: template.precedence)

    assert ordered == [parse_template(text) for text in reversed(texts)]


@pytest.mark.parametrize("text", ["a/{*b}/c", "a/{b?}/c", "a/{id:int}", "a/x{b}", "a/{b=1}", "a/{}"])
def test_what_this_host_does_not_know_is_refused(text: str) -> None:
    """Rather than matched wrongly."""
    with pytest.raises(TemplateError):
        parse_template(text)
