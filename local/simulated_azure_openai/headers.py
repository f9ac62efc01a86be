"""The headers of Azure's answers, as recordings of 2024 to 2026 show them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from local.simulated_azure_openai.deployments import Deployment

_REQUEST_LIMIT = 4500
_TOKEN_LIMIT = 450_000
_MODEL_SESSION = "d038-20250812093512"

# What a recording says of its own connection, or of its own request.
_NOT_REPLAYED = frozenset(
    "apim-request-id connection content-encoding content-length content-type date server transfer-encoding "
    "x-ms-client-request-id".split()
)


def front_door_headers(request_id: str, client_request_id: str | None, region: str) -> dict[str, str]:
    """Return what every answer has, an error too. Azure's own id stands in for one the caller did not send."""
    return {
        "apim-request-id": request_id,
        "strict-transport-security": "max-age=31536000; includeSubDomains; preload",
        "x-content-type-options": "nosniff",
        "x-ms-client-request-id": client_request_id or request_id,
        "x-ms-region": region,
    }


def model_headers(deployment: Deployment, tokens: int) -> dict[str, str]:
    """Return what an answer of a model has besides. `tokens` is what it takes off the limit that it states."""
    return {
        "azureml-model-session": _MODEL_SESSION,
        "cache-control": "no-cache, must-revalidate",
        "x-accel-buffering": "no",
        "x-ms-deployment-name": deployment.name,
        "x-ms-rai-invoked": "true",
        "x-ratelimit-limit-requests": str(_REQUEST_LIMIT),
        "x-ratelimit-limit-tokens": str(_TOKEN_LIMIT),
        "x-ratelimit-remaining-requests": str(_REQUEST_LIMIT - 1),
        "x-ratelimit-remaining-tokens": str(max(_TOKEN_LIMIT - tokens, 0)),
        "x-request-id": str(uuid.uuid4()),
    }


def served_model_headers(deployment: Deployment) -> dict[str, str]:
    """Return what a Responses answer has besides: its body names the deployment, not the model."""
    return {"x-ms-served-model": deployment.model, "x-ms-is-spilled-over": "false"}


def replayed_headers(recorded: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in recorded.items() if name.lower() not in _NOT_REPLAYED}
