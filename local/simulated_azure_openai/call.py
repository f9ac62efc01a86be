"""A request as an operation sees it, and the reading of its JSON body."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, TypeVar

import msgspec

from local.simulated_azure_openai.azure_errors import (
    AzureError,
    broken_json,
    invalid_value,
    missing_parameter,
    unsupported_content_type,
)
from local.simulated_azure_openai.simulation import Simulation

T = TypeVar("T")

_JSON = "application/json"
_MISSING_FIELD = "missing required field `"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """
    One authenticated request.

    `request_id` is the apim-request-id of its answer. `api_version` is None under /openai/v1.
    A multipart body lies in `upload`, any other in `body`. `path` holds the names in the path.
    """

    request_id: str
    path: Mapping[str, str]
    api_version: str | None
    content_type: str
    body: bytes
    upload: BinaryIO | None
    simulation: Simulation
    created: int = field(default_factory=lambda: int(time.time()))

    def new_id(self, prefix: str) -> str:
        """Return an id for what this call makes; it tells which request made it."""
        return prefix + self.request_id.replace("-", "")

    def read(self, form: type[T]) -> T:
        """
        Return the JSON body as `form`.

        Raises:
            AzureError: 400, the body is no JSON, or not called so, or a value is missing or has the wrong type.
        """
        if self.content_type.partition(";")[0].strip().lower() != _JSON:
            raise unsupported_content_type(self.content_type, _JSON)
        try:
            return msgspec.json.decode(self.body, type=form)
        except msgspec.ValidationError as error:
            raise _rejected(str(error)) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise broken_json() from error


def _rejected(problem: str) -> AzureError:
    _, found, name = problem.partition(_MISSING_FIELD)
    if found:
        return missing_parameter(name.rstrip("`").split("`")[0])
    _, _, path = problem.partition(" - at `$.")
    return invalid_value(path.rstrip("`") or None, problem.replace("`", "'"))
