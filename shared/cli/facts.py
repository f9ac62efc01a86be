"""What is known of one thing, a line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from shared.cli.text import harmless

_LABEL_WIDTH = 24


def facts(columns: Mapping[str, Any], *, indent: int = 2) -> Iterator[str]:
    """Yield a line for each column of which something is known."""
    for name, value in columns.items():
        if value is not None:
            yield f"{' ' * indent}{harmless(name):<{_LABEL_WIDTH}}{_fact(value)}"


def _fact(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case int() | Decimal():
            return f"{value:,}"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S.%f}"[:-3]
        case _:
            return harmless(str(value))
