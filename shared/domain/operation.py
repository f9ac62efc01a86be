"""Which operation and deployment a request is for: what its path says, and what its body adds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qsl, unquote

from shared.domain.errors import MalformedRequest


class Metered(StrEnum):
    """How an operation is metered: the form of its request, answer and usage."""

    CHAT_COMPLETIONS = "chat.completions"
    COMPLETIONS = "completions"
    EMBEDDINGS = "embeddings"
    RESPONSES = "responses"


# The operations whose tokens we understand, each as its metered form. Only POST to a path without
# an id uses tokens: GET of a stored completion or response, and POST that updates its metadata,
# show usage that was charged when it was made.
_METERED = {
    "chat.completions": Metered.CHAT_COMPLETIONS,
    "completions": Metered.COMPLETIONS,
    "embeddings": Metered.EMBEDDINGS,
    "responses": Metered.RESPONSES,
    "responses.compact": Metered.RESPONSES,
}

# The fixed words of the data plane's paths. A segment that is none of these is an id, which
# keeps the number of operation names small whatever callers send.
# https://learn.microsoft.com/azure/ai-foundry/openai/reference and /latest
_WORDS = frozenset(
    "assistants audio batches cancel chat checkpoints client_secrets compact completions complete containers "
    "content conversations edits embeddings evals events extensions file_batches files fine_tuning generations "
    "graders images input_items input_tokens items jobs messages models output_items parts pause permissions "
    "realtime remix responses resume run runs search sessions speech steps submit_tool_outputs threads "
    "transcription_sessions transcriptions translations uploads validate variations vector_stores videos".split()
)

_V1 = ["openai", "v1"]
_LABEL_LIMIT = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What a path says. `deployment` is None where only the body names it."""

    operation: str
    metered: Metered | None
    deployment: str | None
    api_version: str | None
    is_v1: bool


def parse_route(method: str, path: bytes, query: bytes) -> Route:
    """
    Return which operation a percent-encoded path is for.

    A path we do not know is relayed too: Azure says what it thinks of it, and the call is
    charged as `other`.

    Raises:
        MalformedRequest: the path does not stay below `/openai/`.
    """
    segments = _segments(path)
    is_v1 = [segment.lower() for segment in segments[:2]] == _V1
    rest = segments[2:] if is_v1 else segments[1:]
    deployment = None
    if len(rest) > 1 and rest[0].lower() == "deployments":
        deployment, rest = rest[1][:_LABEL_LIMIT], rest[2:]
    operation = _operation(method, rest)
    return Route(
        operation=operation,
        metered=_METERED.get(operation) if all(_is_word(segment) for segment in rest) else None,
        deployment=deployment,
        api_version=_api_version(query) or ("v1" if is_v1 else None),
        is_v1=is_v1,
    )


def metered_as(operation: str) -> Metered | None:
    """Return how calls of an operation are metered that use tokens, None where none does."""
    return _METERED.get(operation)


def _segments(path: bytes) -> list[str]:
    text = path.decode("ascii", "replace")
    segments = [unquote(segment) for segment in text.split("/") if segment]
    # Decoded dots would leave the part of Azure's host that we guard.
    if not segments or segments[0].lower() != "openai" or any(_leaves(segment) for segment in segments):
        raise MalformedRequest("the path does not stay below /openai/")
    return segments


def _leaves(segment: str) -> bool:
    return segment in {".", ".."} or "/" in segment or "\\" in segment


def _operation(method: str, segments: list[str]) -> str:
    words = [segment.lower() for segment in segments if _is_word(segment)]
    if not words or not _is_word(segments[0]):
        return "other"
    if method == "POST":
        return ".".join(words)
    return ".".join([*words, method.lower()])


def _is_word(segment: str) -> bool:
    # In any case: a route that Azure may match all the same must not go unmetered.
    return segment.lower() in _WORDS


def _api_version(query: bytes) -> str | None:
    for name, value in parse_qsl(query.decode("ascii", "replace")):
        if name.lower() == "api-version":
            return value[:_LABEL_LIMIT]
    return None
