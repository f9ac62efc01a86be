"""What an operator knows of a deployment and no answer says: what it serves, and how Azure bills it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class DeploymentType(StrEnum):
    """Where Azure may serve a deployment, which decides its price."""

    GLOBAL = "global"
    DATA_ZONE = "datazone"
    REGIONAL = "regional"


class Tier(StrEnum):
    """How soon Azure serves a call, which decides its price too."""

    STANDARD = "standard"
    BATCH = "batch"
    PRIORITY = "priority"
    FLEX = "flex"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """
    A deployment as its operator describes it. What is None is not said.

    `region` is where its resource is, as `swedencentral`. Of a `provisioned` one (PTU) hours are paid,
    not tokens; `type` and `tier` are then those of the calls that spill over.
    """

    model: str | None = None
    type: DeploymentType | None = None
    tier: Tier | None = None
    region: str | None = None
    provisioned: bool = False


UNDESCRIBED = Deployment()

# How Azure says in an answer which tier served it. `auto` and others say none.
# https://learn.microsoft.com/azure/foundry/openai/concepts/priority-processing
_SERVICE_TIERS = {
    "default": Tier.STANDARD,
    "standard": Tier.STANDARD,
    "priority": Tier.PRIORITY,
    "flex": Tier.FLEX,
    "batch": Tier.BATCH,
}


def tier_served(service_tier: str | None) -> Tier | None:
    """Return the tier that an answer's `service_tier` names, None where it names none that has a price."""
    return _SERVICE_TIERS.get((service_tier or "").lower())


def region_name(text: str | None) -> str | None:
    """Return a region by its programmatic name: `East US 2`, as an answer's header has it, is `eastus2`."""
    return text.replace(" ", "").lower() if text else None
