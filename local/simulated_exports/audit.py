"""Lines of Audit: that keys were listed, and neither by whom nor from where."""

from __future__ import annotations

import random
from datetime import datetime

from local.simulated_exports.resource import Resource
from local.simulated_exports.wire import Line, line, log_time, new_guid


def list_key_line(at: datetime, resource: Resource, chance: random.Random) -> Line:
    """
    Return the line of a key listing.

    The one that was published has an object id; whose it is, the caller's or the platform's, nobody has said. Ours
    has none, so that nobody relies on it. Nothing joins it to the Activity Log but the resource and the time.
    """
    return line(
        at,
        {
            "AssetIdentity": new_guid(chance),
            "Tenant": resource.region,
            "category": "Audit",
            "operationName": "ListKey",
            "properties": {"objectId": ""},
            "resourceId": resource.id.upper(),
            "time": log_time(at.replace(microsecond=0)),
        },
    )
