"""Which model a deployment serves: told by the operator, or learnt from answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.domain.usage_record import UsageRecord

# More deployments than a resource can have; beyond it the oldest is forgotten and learnt again.
_LIMIT = 2000


@dataclass(frozen=True, slots=True)
class DeploymentKey:
    """A deployment of a resource. Azure's names for both are the same in any case."""

    resource: str
    deployment: str

    @classmethod
    def of(cls, resource: str, deployment: str) -> DeploymentKey:
        """Return the key of these names."""
        return cls(resource.lower(), deployment.lower())


class DeploymentModels:
    """
    Remembers what answers say. What the operator says comes first, and is never overwritten.

    A deployment's name is not a model, and the Responses API gives the one for the other:
    what equals the deployment's name teaches nothing.
    """

    def __init__(self, described: Mapping[str, str]) -> None:
        """`described` are models by deployment, in lower case, of whatever resource."""
        self._described = described
        self._learnt: dict[DeploymentKey, str] = {}

    def model_of(self, resource: str, deployment: str | None) -> str | None:
        """Return the model that a deployment serves, None where nobody has said."""
        if deployment is None:
            return None
        key = DeploymentKey.of(resource, deployment)
        return self._described.get(key.deployment) or self._learnt.get(key)

    def learn(self, record: UsageRecord) -> DeploymentKey | None:
        """Take what a record teaches; return the deployment whose model is new or another than before."""
        deployment = record.call.deployment
        if deployment is None or record.model is None or not _is_answer(record):
            return None
        key = DeploymentKey.of(record.call.resource, deployment)
        if record.model.lower() == key.deployment or self._learnt.get(key) == record.model:
            return None
        self.remember(key, record.model)
        return key

    def remember(self, key: DeploymentKey, model: str) -> None:
        """Take what another worker has learnt."""
        self._learnt.pop(key, None)
        if len(self._learnt) >= _LIMIT:
            del self._learnt[next(iter(self._learnt))]
        self._learnt[key] = model


def _is_answer(record: UsageRecord) -> bool:
    return record.status is not None and record.status < 400
