"""Embeddings: a unit vector per input, as numbers or as base64."""

from __future__ import annotations

import base64
import math
import random
import zlib
from array import array
from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec

from local.simulated_azure_openai.answer import Answer, json_answer
from local.simulated_azure_openai.azure_errors import invalid_value
from local.simulated_azure_openai.call import Call
from local.simulated_azure_openai.deployments import Deployment
from local.simulated_azure_openai.headers import model_headers
from local.simulated_azure_openai.token_counts import TokenCounts
from local.simulated_azure_openai.token_input import TokenInput, input_texts, input_tokens

_LARGE_DIMENSIONS = 3072
_DIMENSIONS = 1536


class _Request(msgspec.Struct, frozen=True):
    input: TokenInput
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, msgspec.Meta(ge=1, le=_LARGE_DIMENSIONS)] | None = None


def answer_embeddings(call: Call, deployment: Deployment) -> Answer:
    """
    Return what an embeddings request is answered with.

    Raises:
        AzureError: 400, the request is not one.
    """
    request = call.read(_Request)
    if not request.input:
        raise invalid_value("input", "'input' cannot be empty")
    dimensions = request.dimensions or (_LARGE_DIMENSIONS if "large" in deployment.model else _DIMENSIONS)
    vectors = [_vector(text, dimensions) for text in input_texts(request.input)]
    body: dict[str, Any] = {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": _encoded(vector, request.encoding_format)}
            for index, vector in enumerate(vectors)
        ],
        "model": deployment.model,
    }
    tokens = input_tokens(request.input)
    if not call.simulation.no_usage:
        body["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
    return json_answer(body, headers=model_headers(deployment, tokens), tokens=TokenCounts(prompt=tokens))


def _vector(text: str, dimensions: int) -> list[float]:
    """Return the same vector for the same text; turned round, a unit vector stays one."""
    base = _unit_vector(dimensions)
    start = zlib.crc32(text.encode()) % dimensions
    return base[start:] + base[:start]


@lru_cache(maxsize=16)
def _unit_vector(dimensions: int) -> list[float]:
    generator = random.Random(dimensions)
    values = [generator.gauss(0, 1) for _ in range(dimensions)]
    norm = math.hypot(*values)
    return [round(value / norm, 9) for value in values]


def _encoded(vector: list[float], encoding_format: str | None) -> list[float] | str:
    if encoding_format == "base64":
        # Little-endian, as every machine this runs on.
        return base64.b64encode(array("f", vector).tobytes()).decode()
    return vector
