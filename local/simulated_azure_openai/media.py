"""Images and transcriptions: plausible, and the same for every request."""

from __future__ import annotations

import base64
from typing import Annotated, Any

import msgspec

from local.simulated_azure_openai.answer import Answer, json_answer
from local.simulated_azure_openai.call import Call
from local.simulated_azure_openai.content_filters import ANSWER_FILTER_RESULTS
from local.simulated_azure_openai.deployments import Deployment
from local.simulated_azure_openai.headers import model_headers
from local.simulated_azure_openai.multipart import Form
from local.simulated_azure_openai.token_counts import TokenCounts
from local.simulated_azure_openai.words import text_tokens

# A PNG of one transparent pixel.
_PIXEL = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
        "0000000d49444154789c636000000000050001a5f645400000000049454e44ae426082"
    )
).decode()
_IMAGE_TOKENS = 272


class _Request(msgspec.Struct, frozen=True):
    prompt: str
    n: Annotated[int, msgspec.Meta(ge=1, le=10)] | None = None


def answer_image_generation(call: Call, deployment: Deployment) -> Answer:
    """
    Return `n` images of one pixel, with the usage that the gpt-image models report.

    Raises:
        AzureError: 400, the request is not one.
    """
    request = call.read(_Request)
    count = request.n or 1
    image = {"b64_json": _PIXEL, "content_filter_results": ANSWER_FILTER_RESULTS}
    body: dict[str, Any] = {"created": call.created, "data": [image] * count}
    prompt_tokens, image_tokens = text_tokens(request.prompt), _IMAGE_TOKENS * count
    if not call.simulation.no_usage:
        body["usage"] = {
            "input_tokens": prompt_tokens,
            "input_tokens_details": {"image_tokens": 0, "text_tokens": prompt_tokens},
            "output_tokens": image_tokens,
            "total_tokens": prompt_tokens + image_tokens,
        }
    headers = model_headers(deployment, prompt_tokens + image_tokens)
    return json_answer(body, headers=headers, tokens=TokenCounts(prompt=prompt_tokens, completion=image_tokens))


def answer_transcription(call: Call, deployment: Deployment) -> Answer:
    """
    Return a text that names the uploaded file.

    Raises:
        AzureError: 400, the body is no form with a file.
    """
    file = Form(call.upload, call.content_type).file("file")
    return json_answer({"text": f"Transcription of {file.filename}."}, headers=model_headers(deployment, 0))
