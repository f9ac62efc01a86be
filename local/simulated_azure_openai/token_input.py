"""An input of embeddings and completions: text, token ids, or several of either."""

from __future__ import annotations

from collections.abc import Sequence

from local.simulated_azure_openai.words import text_tokens

TokenInput = str | list[str | int | list[int]]


def input_texts(value: TokenInput) -> list[str]:
    """Return each input as text; of token ids we only know the numbers."""
    return [item if isinstance(item, str) else " ".join(map(str, item)) for item in _items(value)]


def input_tokens(value: TokenInput) -> int:
    return sum(text_tokens(item) if isinstance(item, str) else len(item) for item in _items(value))


def _items(value: TokenInput) -> list[str | Sequence[int]]:
    if isinstance(value, str):
        return [value]
    ids = [item for item in value if isinstance(item, int)]
    return [ids] if ids else [item for item in value if not isinstance(item, int)]
