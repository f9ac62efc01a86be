"""
Counts chat prompts with the peers. Runs in their environment, not in ours.

A line of JSON comes in, `{"model": …, "request": …}`, and a line goes out, `{"LiteLLM": …, "tokencost": …}`,
null where a peer has no count.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

Counter = Callable[[str, dict[str, Any]], Any]


def main() -> None:
    """Count every line."""
    with contextlib.redirect_stdout(io.StringIO()):
        counters = {"LiteLLM": _litellm(), "tokencost": _tokencost()}
    for line in sys.stdin:
        asked = json.loads(line)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            counts = {name: _count(counter, asked) for name, counter in counters.items()}
        print(json.dumps(counts))


def _count(counter: Counter, asked: dict[str, Any]) -> int | None:
    try:
        return int(counter(asked["model"], asked["request"]))
    except Exception:  # noqa: BLE001 - what a peer raises is its own affair: it has no count
        return None


def _litellm() -> Counter:
    litellm = import_module("litellm")

    def count(model: str, request: dict[str, Any]) -> Any:
        return litellm.token_counter(
            model=model,
            messages=request["messages"],
            tools=request.get("tools"),
            tool_choice=request.get("tool_choice"),
        )

    return count


def _tokencost() -> Counter:
    tokencost = import_module("tokencost")

    def count(model: str, request: dict[str, Any]) -> Any:
        return tokencost.count_message_tokens(request["messages"], model)

    return count


if __name__ == "__main__":
    main()
