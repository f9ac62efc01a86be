"""Tables that fit their terminal."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from shared.cli.tables import Column, console, table
from shared.cli.text import harmless

COLUMNS = [
    Column(heading="name", cells=["short", "a name that is far too long for a narrow terminal"], may_shrink=True),
    Column(heading="calls", cells=["1", "1,234,567"], is_number=True, footer="1,234,568"),
    Column(heading="more", cells=["x" * 20, "y"], rank=1),
    Column(heading="least", cells=["u" * 20, "v"], rank=2),
]


def printed(columns: list[Column], width: int, title: str = "") -> list[str]:
    out = Console(width=width, file=io.StringIO(), markup=False, emoji=False)
    out.print(table(columns, width, title))
    text = out.file.getvalue()  # type: ignore[attr-defined]
    return [line.rstrip() for line in text.splitlines()]


def test_with_room_everything_is_shown_whole() -> None:
    """Numbers stand right, with their sum below."""
    lines = printed(COLUMNS, 200, "a title")

    assert lines[0] == "a title"
    assert lines[1].split() == ["name", "calls", "more", "least"]
    assert lines[4].startswith("a name that is far too long for a narrow terminal  1,234,567  y")
    assert lines[3].index("1  ") == lines[4].index("1,234,567") + 8
    assert lines[-1].strip() == "1,234,568"


@pytest.mark.parametrize(("width", "headings"), [(80, 4), (65, 3), (44, 2), (30, 2)])
def test_without_it_columns_go_by_rank_before_any_is_cut(width: int, headings: int) -> None:
    """The least first; text is cut, with a mark that it is, and a number never."""
    lines = printed(COLUMNS, width)

    assert len(lines[0].split()) == headings
    assert all(cell_len(line) <= width for line in lines)
    assert "1,234,567" in lines[3]
    assert "…" in lines[3]


def test_a_column_goes_before_a_name_is_cut_to_a_stump() -> None:
    """Two names that begin alike must be told apart."""
    (heading, *_, name) = printed(COLUMNS[:3], 50)[:4]

    assert heading.split() == ["name", "calls"]
    assert len(name.split("…")[0]) > 20


def test_sums_stand_below_a_line() -> None:
    """They are no row."""
    assert set(printed(COLUMNS, 200)[-2].strip()) == {"─"}


def test_a_cell_is_never_markup() -> None:
    """Nor an emoji by its name, nor a link."""
    cells = ["[red]x[/red]", ":smile: [link=http://x]y[/link]"]

    assert [line.strip() for line in printed([Column(heading="[b]", cells=cells)], 80)] == [
        "[b]",
        "─" * 31,
        *cells,
    ]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_harmless_text_has_only_what_shows(text: str) -> None:
    """No escape, no bell, no mark of direction, no end of line."""
    assert harmless(text).isprintable()
    assert harmless(text) == text or not text.isprintable() or not text


def test_colours_are_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a pipe they are rubbish, and `NO_COLOR` is a wish."""
    monkeypatch.setenv("TERM", "xterm-256color")
    for variable in ("FORCE_COLOR", "TTY_COMPATIBLE", "NO_COLOR", "COLORTERM"):
        monkeypatch.delenv(variable, raising=False)
    piped = console()
    monkeypatch.setenv("NO_COLOR", "1")
    unwanted = console()

    assert not piped.is_terminal
    assert piped.color_system is None
    assert unwanted.no_color


def test_a_pipe_is_as_wide_as_what_goes_into_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that is broken at 80 columns cannot be searched; who sets COLUMNS means it."""
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr("shutil.os.get_terminal_size", _no_terminal)
    assert console().width == 1000

    monkeypatch.setenv("COLUMNS", "90")
    assert console().width == 90


def _no_terminal(_: object = None) -> None:
    raise OSError
