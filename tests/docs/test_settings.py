"""docs/settings.md against shared/settings."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Any

from tests.docs.settings_source import settings_read

_PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
# | `NAME` | default | unit | what it does | when to change it |
_ROW = re.compile(r"^\| `(?P<name>\w+)` \|(?P<default>[^|]*)\|(?:[^|]*\|){3}$", re.MULTILINE)


def test_the_page_describes_every_setting_and_no_other() -> None:
    """A setting nobody can look up is not used; one that is gone is set in vain."""
    described = list(_described())

    assert sorted(described) == sorted(settings_read())


def test_the_defaults_on_the_page_are_those_of_the_code() -> None:
    """Who leaves a setting alone goes by the page."""
    described = _described()
    defaults = {name: default for name, default in settings_read().items() if default is not None}

    assert defaults
    assert {name: described[name] for name in defaults} == {name: _shown(value) for name, value in defaults.items()}


def _described() -> dict[str, str]:
    rows = _ROW.findall(_PAGE.read_text(encoding="utf-8"))
    described = {name: default.strip().strip("`") for name, default in rows}
    assert len(described) == len(rows), "a setting is described twice"
    return described


def _shown(default: Any) -> str:
    if isinstance(default, StrEnum):
        return default.value
    return f"{default:g}" if isinstance(default, float) else str(default)
