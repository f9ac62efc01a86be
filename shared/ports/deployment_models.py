"""Keeps which model each deployment serves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from shared.domain.deployment_models import DeploymentKey


class DeploymentModelStore(Protocol):
    """Keeps which model each deployment serves."""

    async def all(self) -> Sequence[tuple[DeploymentKey, str]]:
        """Return every deployment with its model. Raises StorageError."""
        ...

    async def put(self, key: DeploymentKey, model: str) -> None:
        """Keep what a deployment serves. Raises StorageError."""
        ...
