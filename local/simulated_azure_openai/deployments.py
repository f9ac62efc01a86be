"""Which deployments the simulated resource has, and what each model can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Operation(StrEnum):
    """What a model serves, in the words of Azure's OperationNotSupported error."""

    CHAT_COMPLETION = "chatCompletion"
    COMPLETION = "completion"
    EMBEDDINGS = "embeddings"
    IMAGE_GENERATION = "imageGeneration"
    AUDIO_TRANSCRIPTION = "audioTranscription"


# The last is why a deployment must never be taken for its model.
DEFAULT_DEPLOYMENTS: Mapping[str, str] = {
    "gpt-4o": "gpt-4o-2024-11-20",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-4.1": "gpt-4.1-2025-04-14",
    "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14",
    "gpt-5": "gpt-5-2025-08-07",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "o4-mini": "o4-mini-2025-04-16",
    "gpt-35-turbo": "gpt-35-turbo-0125",
    "gpt-35-turbo-instruct": "gpt-35-turbo-instruct",
    "text-embedding-3-small": "text-embedding-3-small",
    "text-embedding-3-large": "text-embedding-3-large",
    "text-embedding-ada-002": "text-embedding-ada-002",
    "gpt-image-1": "gpt-image-1",
    "whisper": "whisper",
    "contoso-chat": "gpt-4.1-mini-2025-04-14",
}

# Longest first where one is the start of another; what is not named here chats.
_OPERATIONS = (
    ("gpt-35-turbo-instruct", Operation.COMPLETION),
    ("text-embedding", Operation.EMBEDDINGS),
    ("gpt-image", Operation.IMAGE_GENERATION),
    ("whisper", Operation.AUDIO_TRANSCRIPTION),
)


@dataclass(frozen=True, slots=True)
class Deployment:
    """A name in the URL or body, and the model and version it serves."""

    name: str
    model: str

    @property
    def operation(self) -> Operation:
        for prefix, operation in _OPERATIONS:
            if self.model.startswith(prefix):
                return operation
        return Operation.CHAT_COMPLETION

    @property
    def reasons(self) -> bool:
        """Whether the model spends tokens on reasoning that its answer does not show."""
        return self.model.startswith(("gpt-5", "o1", "o3", "o4"))
