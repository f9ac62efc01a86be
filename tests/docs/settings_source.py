"""The settings that shared/settings.py reads, taken from its source."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from shared import settings

_READS = {"text", "words", "flag", "url", "choice", "number", "parsed", "share"}


def settings_read() -> dict[str, Any]:
    """Return the name of every setting that is read, with the default its reader is given (None: no default)."""
    calls = (node for node in ast.walk(ast.parse(_source())) if isinstance(node, ast.Call) and _reads(node))
    return {_value(call.args[0]): _value(call.args[1]) if len(call.args) > 1 else None for call in calls}


def _source() -> str:
    assert settings.__file__
    return Path(settings.__file__).read_text(encoding="utf-8")


def _reads(call: ast.Call) -> bool:
    """Whether this is `read.text("NAME")` or a sister of it; inside the reader the name is no constant."""
    function = call.func
    return isinstance(function, ast.Attribute) and function.attr in _READS and isinstance(call.args[0], ast.Constant)


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return getattr(settings, name)
        case ast.Attribute(value=owner, attr=name):
            return getattr(_value(owner), name)
    raise AssertionError(f"a default that is neither a constant nor a name: {ast.unparse(node)}")
