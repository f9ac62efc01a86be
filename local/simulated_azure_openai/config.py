"""What a simulated resource is set up with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local.simulated_azure_openai.deployments import DEFAULT_DEPLOYMENTS
from local.simulated_azure_openai.served_call import ServedCall
from local.simulated_azure_openai.simulation import Simulation


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """
    One simulated Azure OpenAI resource.

    `deployments` maps each name to its model. `bearer_tokens` None accepts any token.
    `simulation` holds for every request; its `x-simulate` header changes it. `replay` names a
    corpus file (`.jsonl` or `.jsonl.xz`), `request_log` a file that gets a line per request.
    `on_served` is told of each call once it is answered, refused ones too.
    """

    deployments: Mapping[str, str] = field(default_factory=lambda: DEFAULT_DEPLOYMENTS)
    api_keys: frozenset[str] = frozenset({"simulated"})
    bearer_tokens: frozenset[str] | None = None
    region: str = "Sweden Central"
    simulation: Simulation = field(default_factory=Simulation)
    replay: Path | None = None
    request_log: Path | None = None
    on_served: Callable[[ServedCall], None] | None = None
