"""`reconciliation`: each hour of a resource, as the ledger and Azure's logs have it.

Parameters: `from`, `to`, `resource`.
"""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from shared.ports.clock import Clock
from shared.usecases.identify_principal import IdentifyPrincipal
from shared.usecases.query_reconciliation import QueryReconciliation
from shared.web.calls import credentials_of
from shared.web.errors import answering_errors
from shared.web.usage_parameters import known_parameters, parse_period

_PARAMETERS = frozenset({"from", "to", "resource"})


class ReconciliationEndpoint:
    """Answers how the two sides compare."""

    def __init__(self, identify: IdentifyPrincipal, query: QueryReconciliation, clock: Clock) -> None:
        self._identify = identify
        self._query = query
        self._clock = clock

    @answering_errors
    async def __call__(self, request: Request) -> Response:
        identified = await self._identify(credentials_of(request))
        parameters = known_parameters(request, _PARAMETERS)
        begun_from, begun_before = parse_period(parameters, self._clock.now())
        answer = await self._query(begun_from, begun_before, parameters.get("resource"), identified.principal)
        body = {
            "from": begun_from,
            "to": begun_before,
            "lateness_seconds": int(answer.lateness.total_seconds()),
            "rows": answer.rows,
            "totals": answer.totals,
        }
        return Response(msgspec.json.encode(body), media_type="application/json", headers={"cache-control": "no-store"})
