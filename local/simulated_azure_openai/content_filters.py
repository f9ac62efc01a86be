"""What Azure's content filters say of a prompt and an answer that are harmless."""

from __future__ import annotations

from typing import Any

_SAFE: dict[str, Any] = {
    category: {"filtered": False, "severity": "safe"} for category in ("hate", "self_harm", "sexual", "violence")
}
_UNDETECTED = {"filtered": False, "detected": False}

CHUNK_FILTER_RESULTS = _SAFE
ANSWER_FILTER_RESULTS = _SAFE | {"protected_material_code": _UNDETECTED, "protected_material_text": _UNDETECTED}
PROMPT_FILTER_RESULTS = [{"prompt_index": 0, "content_filter_results": _SAFE | {"jailbreak": _UNDETECTED}}]
RESPONSE_FILTERS = [
    {"blocked": False, "source_type": "prompt", "content_filter_results": {"jailbreak": _UNDETECTED}},
    {"blocked": False, "source_type": "completion", "content_filter_results": ANSWER_FILTER_RESULTS},
]

# The first event of a stream. It has no `usage`, whatever the stream options say, and an empty
# model: so in every recording of 2024 to 2026.
PROMPT_FILTER_CHUNK: dict[str, Any] = {
    "choices": [],
    "created": 0,
    "id": "",
    "model": "",
    "object": "",
    "prompt_filter_results": PROMPT_FILTER_RESULTS,
}
