"""`usage/drift`: where our counts and Azure's part, as JSON. Parameters: `from`, `to`, as for `usage`."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from shared.ports.clock import Clock
from shared.usecases.identify_principal import IdentifyPrincipal
from shared.usecases.query_drift import QueryDrift
from shared.web.calls import credentials_of
from shared.web.errors import answering_errors
from shared.web.usage_parameters import known_parameters, parse_period

_PARAMETERS = frozenset({"from", "to"})


class DriftEndpoint:
    """Answers how counts drift."""

    def __init__(self, identify: IdentifyPrincipal, query_drift: QueryDrift, clock: Clock) -> None:
        self._identify = identify
        self._query_drift = query_drift
        self._clock = clock

    @answering_errors
    async def __call__(self, request: Request) -> Response:
        identified = await self._identify(credentials_of(request))
        parameters = known_parameters(request, _PARAMETERS)
        begun_from, begun_before = parse_period(parameters, self._clock.now())
        rows = await self._query_drift(begun_from, begun_before, identified.principal)
        body = msgspec.json.encode({"from": begun_from, "to": begun_before, "rows": rows})
        return Response(body, media_type="application/json", headers={"cache-control": "no-store"})
