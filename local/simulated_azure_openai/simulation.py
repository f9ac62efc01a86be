"""The faults and the pace of an answer, as the `x-simulate` header asks for them."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace

from local.simulated_azure_openai.azure_errors import simulator_misused

_NUMBER = re.compile("[0-9]{1,9}")
_TRUE = frozenset({"", "1", "true"})
_FALSE = frozenset({"0", "false"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """
    How an answer is slowed or spoiled. Each field is a key of the `x-simulate` header:
    `x-simulate: chunk_ms=20, cut_bytes=512, gzip`.

    delay_ms: waits before the headers.
    chunk_ms: waits between the chunks of an answer.
    silent_ms: falls silent once in the middle of a stream, after the headers of any other answer.
    status: answers with this error, in Azure's words; 429 with retry-after.
    cut_bytes: aborts the connection after exactly so many bytes of the body as sent, without
        transfer coding; an answer that is shorter arrives whole.
    cut_before_headers: aborts the connection instead of answering.
    no_usage: leaves the usage out, asked for or not.
    gzip: sends the body with content-encoding gzip.
    tokens: length of the answer in words (each is counted as a token).
    no_content_length: sends an answer that is no stream in chunks too.
    """

    delay_ms: int = 0
    chunk_ms: int = 0
    silent_ms: int = 0
    status: int | None = None
    cut_bytes: int | None = None
    cut_before_headers: bool = False
    no_usage: bool = False
    gzip: bool = False
    tokens: int | None = None
    no_content_length: bool = False

    def changed_by(self, header: str) -> Simulation:
        """
        Return this with what the header asks for.

        Raises:
            AzureError: 400, a key or value that we do not know.
        """
        changes: dict[str, int | bool] = {}
        for item in filter(None, map(str.strip, header.split(","))):
            key, _, value = item.partition("=")
            changes[key.strip()] = _value(key.strip(), value.strip())
        return replace(self, **changes)  # type: ignore[arg-type]  # _value checks each against its field


_FLAGS = frozenset(field.name for field in fields(Simulation) if field.type == "bool")
_NUMBERS = frozenset(field.name for field in fields(Simulation)) - _FLAGS


def _value(key: str, value: str) -> int | bool:
    if key in _FLAGS and value in _TRUE | _FALSE:
        return value in _TRUE
    if key in _NUMBERS and _NUMBER.fullmatch(value):
        return int(value)
    raise simulator_misused(f"x-simulate has no '{key}' with the value '{value}'")
