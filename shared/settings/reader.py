"""Reads settings one by one, and gathers what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlsplit

from shared.domain.errors import SettingsInvalid

_Choice = TypeVar("_Choice", bound=StrEnum)
_Number = TypeVar("_Number", int, float)
_Parsed = TypeVar("_Parsed")


# No user and password before the host: they would be written where the host is.
_URL = re.compile(r"https?://(\[[0-9a-f:.]+]|[a-z0-9_.-]+)(:\d+)?(/\S*)?", re.IGNORECASE)


class Reader:
    """Reads settings one by one and gathers what is wrong with them."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._problems: list[str] = []

    def problem(self, text: str) -> None:
        self._problems.append(text)

    def raise_problems(self) -> None:
        if self._problems:
            # Some settings are read for two purposes.
            problems = tuple(dict.fromkeys(self._problems))
            raise SettingsInvalid("; ".join(problems), problems)

    def text(self, name: str) -> str | None:
        return self._environment.get(name, "").strip() or None

    def words(self, name: str, default: str = "") -> frozenset[str]:
        return frozenset(word.strip() for word in (self.text(name) or default).split(",") if word.strip())

    def flag(self, name: str) -> bool:
        return (self.text(name) or "").lower() in {"1", "true"}

    def url(self, name: str, default: str | None = None) -> str | None:
        text = self.text(name) or default
        if text is None:
            return None
        if not _is_url(text):
            self.problem(f"{name} is not a URL")
        return text.rstrip("/")

    def choice(self, name: str, default: _Choice) -> _Choice:
        text = self.text(name)
        try:
            return type(default)(text.lower()) if text else default
        except ValueError:
            self.problem(f"{name} is one of {', '.join(type(default))}")
            return default

    def number(self, name: str, default: _Number, *, above: int) -> _Number:
        convert: Callable[[str], _Number] = type(default)
        text = self.text(name)
        try:
            number = convert(text) if text else default
        except ValueError:
            number = None
        if number is None or not above < number < float("inf"):
            self.problem(f"{name} is a number above {above}")
            return default
        return number

    def share(self, name: str, default: float) -> float:
        text = self.text(name)
        try:
            share = float(text) if text else default
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1:
            self.problem(f"{name} is a number from 0 to 1")
            return default
        return share

    def parsed(self, name: str, *, parse: Callable[[str], _Parsed], empty: str) -> _Parsed:
        try:
            return parse(self.text(name) or empty)
        except ValueError as error:
            self.problem(f"{name} cannot be read: {error}")
            return parse(empty)


def _is_url(text: str) -> bool:
    try:
        # To read the port is to check it.
        return _URL.fullmatch(text) is not None and urlsplit(text).port != 0
    except ValueError:
        return False
