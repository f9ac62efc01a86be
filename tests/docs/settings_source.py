"""The settings that shared/settings reads, taken from its source."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from types import ModuleType
from typing import Any

from shared import settings

_READS = {"text", "words", "flag", "url", "choice", "number", "parsed", "share"}


def settings_read() -> dict[str, Any]:
    """Return the name of every setting that is read, with the default its reader is given (None: no default)."""
    return {name: default for module in _modules() for name, default in _read_in(module)}


def _modules() -> list[ModuleType]:
    names = [module.name for module in pkgutil.iter_modules(settings.__path__, f"{settings.__name__}.")]
    return [settings, *map(importlib.import_module, names)]


def _read_in(module: ModuleType) -> list[tuple[str, Any]]:
    calls = (node for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, ast.Call))
    return [
        (_value(module, call.args[0]), _value(module, call.args[1]) if len(call.args) > 1 else None)
        for call in calls
        if _reads(call)
    ]


def _reads(call: ast.Call) -> bool:
    """Whether this is `read.text("NAME")` or a sister of it; inside the reader the name is no constant."""
    function = call.func
    return isinstance(function, ast.Attribute) and function.attr in _READS and isinstance(call.args[0], ast.Constant)


def _value(module: ModuleType, node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return getattr(module, name)
        case ast.Attribute(value=owner, attr=name):
            return getattr(_value(module, owner), name)
    raise AssertionError(f"a default that is neither a constant nor a name: {ast.unparse(node)}")
