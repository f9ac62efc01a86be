"""What every command shares: how it runs, how it fails, how it prints."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import datetime
from typing import Any, TypeVar

import msgspec
import typer

from shared.domain.errors import LedgerError

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Return what `work` returns; an error of ours is told in one line and ends the program with 1."""
    try:
        return asyncio.run(work)
    except LedgerError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error


def print_json(value: Any) -> None:
    """Print a value for scripts: JSON in one line, times as RFC 3339."""
    typer.echo(msgspec.json.encode(value).decode())


def date(at: datetime | None, otherwise: str) -> str:
    """Return a day for people, `otherwise` where there is none."""
    return at.strftime("%Y-%m-%d") if at else otherwise


def minute(at: datetime | None, otherwise: str) -> str:
    """Return a time for people, in UTC, `otherwise` where there is none."""
    return at.strftime("%Y-%m-%d %H:%M") if at else otherwise
