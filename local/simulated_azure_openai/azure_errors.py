"""The errors of Azure OpenAI, in its words.

Two forms are in use: the front door's `{"error": {"code", "message"}}`, and the model's
`{"error": {"message", "type", "param", "code"}}`. Each text was taken from a public report
of the real error; its place is given beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

_RETRY_AFTER_SECONDS = 1


class AzureError(Exception):
    """An answer that is an error: its status, its JSON body, and headers of its own."""

    def __init__(self, status: int, error: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        super().__init__(str(error.get("message")))
        self.status = status
        self.body = {"error": error}
        self.headers = headers or {}


def access_denied() -> AzureError:
    # https://github.com/SciSharp/BotSharp/issues/386
    return _front_door(
        401,
        "401",
        "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key "
        "for an active subscription and use a correct regional API endpoint for your resource.",
    )


def resource_not_found() -> AzureError:
    # https://github.com/rusiaaman/chat.md/issues/2
    return _front_door(404, "404", "Resource not found")


def deployment_not_found() -> AzureError:
    # https://github.com/chatboxai/chatbox/issues/861
    return _front_door(
        404,
        "DeploymentNotFound",
        "The API deployment for this resource does not exist. If you created the deployment within the last "
        "5 minutes, please wait a moment and try again.",
    )


def operation_not_supported(operation: str, model: str) -> AzureError:
    # https://github.com/langchain-ai/langchain/issues/6363
    return _front_door(
        400,
        "OperationNotSupported",
        f"The {operation} operation does not work with the specified model, {model}. Please choose different "
        "model and try again. You can learn more about which models can be used with each operation here: "
        "https://go.microsoft.com/fwlink/?linkid=2197993.",
    )


def responses_not_enabled() -> AzureError:
    # https://github.com/Aider-AI/aider/issues/4029
    return _front_door(
        400, "BadRequest", "Azure OpenAI Responses API is enabled only for api-version 2025-03-01-preview and later"
    )


def broken_json() -> AzureError:
    # https://github.com/ChatGPTNextWeb/NextChat/issues/4064
    return _model(
        "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP "
        "library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)"
    )


def unsupported_content_type(content_type: str, accepted: str) -> AzureError:
    # https://github.com/openai/openai-openapi/issues/194
    return _model(
        f"Unsupported content type: '{content_type}'. This API method only accepts '{accepted}' requests, but you "
        f"specified the header 'Content-Type: {content_type}'. Please try again with a supported content type.",
        code="unsupported_content_type",
    )


def missing_parameter(name: str) -> AzureError:
    return _model(f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")


def invalid_value(name: str | None, problem: str) -> AzureError:
    return _model(f"Invalid value: {problem}.", param=name, code="invalid_value")


def stream_options_without_stream() -> AzureError:
    # https://github.com/BerriAI/litellm/issues/5803; from Azure: https://github.com/aliasrobotics/cai/issues/77
    return _model("The 'stream_options' parameter is only allowed when 'stream' is enabled.", param="stream_options")


def unknown_parameter(name: str) -> AzureError:
    # https://github.com/jamesrochabrun/SwiftOpenAI/issues/67
    return _model(f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")


def not_found(what: str, name: str) -> AzureError:
    return _model(f"No such {what}: '{name}'.", status=404, param="id")


def simulator_misused(problem: str) -> AzureError:
    """An error Azure does not have: a test asked the simulator for what it cannot do."""
    return _front_door(400, "SimulatorMisused", problem)


def simulated_error(status: int) -> AzureError:
    """
    Return the error a caller sees with this status.

    Raises:
        AzureError: 400, the status is no error.
    """
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return _rate_limit_reached()
    if status == HTTPStatus.BAD_REQUEST:
        return _content_filtered()
    if status < HTTPStatus.BAD_REQUEST or status not in _PHRASES:
        raise simulator_misused(f"{status} is not the status of an error")
    return _front_door(status, str(status), _PHRASES[status])


_PHRASES = {status.value: status.phrase for status in HTTPStatus} | {
    500: "The server had an error while processing your request. Sorry about that!",
    503: "The service is temporarily unable to process your request. Please try again later.",
}


def _rate_limit_reached() -> AzureError:
    # https://github.com/jasonacox/TinyLLM/issues/17
    return _front_door(
        429,
        "429",
        "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-10-21 have exceeded "
        f"token rate limit of your current OpenAI S0 pricing tier. Please retry after {_RETRY_AFTER_SECONDS} second. "
        "Please go here: https://aka.ms/oai/quotaincrease if you would like to further increase the default rate "
        "limit.",
        {
            "retry-after": str(_RETRY_AFTER_SECONDS),
            "retry-after-ms": str(_RETRY_AFTER_SECONDS * 1000),
            "x-ratelimit-remaining-requests": "0",
            "x-ratelimit-remaining-tokens": "0",
        },
    )


def _content_filtered() -> AzureError:
    # https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter
    return AzureError(
        400,
        {
            "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management "
            "policy. Please modify your prompt and retry.",
            "type": None,
            "param": "prompt",
            "code": "content_filter",
            "status": 400,
            "innererror": {
                "code": "ResponsibleAIPolicyViolation",
                "content_filter_result": {"violence": {"filtered": True, "severity": "medium"}},
            },
        },
    )


def _front_door(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> AzureError:
    return AzureError(status, {"code": code, "message": message}, headers)


def _model(message: str, *, status: int = 400, param: str | None = None, code: str | None = None) -> AzureError:
    return AzureError(status, {"message": message, "type": "invalid_request_error", "param": param, "code": code})
