"""The options of a stream, and when Azure refuses them."""

from __future__ import annotations

import msgspec

from local.simulated_azure_openai.azure_errors import stream_options_without_stream, unknown_parameter

# https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle
_FIRST_API_VERSION = "2024-09-01"


class StreamOptions(msgspec.Struct, frozen=True):
    """What a caller wants of a stream."""

    include_usage: bool | None = None


def usage_asked(options: StreamOptions | None, *, stream: bool, api_version: str | None) -> bool:
    """
    Return whether the stream ends with a usage chunk.

    Raises:
        AzureError: 400, the api-version does not know stream options, or the answer is no stream.
    """
    if options is None:
        return False
    if api_version is not None and api_version[: len(_FIRST_API_VERSION)] < _FIRST_API_VERSION:
        raise unknown_parameter("stream_options")
    if not stream:
        raise stream_options_without_stream()
    return options.include_usage is True
