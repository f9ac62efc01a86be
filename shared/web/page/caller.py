"""`usage/page/me`: who looks, and with which roles, so that the page offers only what it can keep."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from shared.usecases.identify_principal import IdentifyPrincipal
from shared.web.calls import credentials_of
from shared.web.errors import answering_errors
from shared.web.usage_parameters import known_parameters


class CallerEndpoint:
    """Says whom a credential proves."""

    def __init__(self, identify: IdentifyPrincipal) -> None:
        self._identify = identify

    @answering_errors
    async def __call__(self, request: Request) -> Response:
        principal = (await self._identify(credentials_of(request))).principal
        known_parameters(request, frozenset())
        caller = {
            "tenant_id": principal.tenant_id,
            "object_id": principal.object_id,
            "kind": principal.kind,
            "name": principal.name,
            "roles": sorted(principal.roles),
        }
        return Response(
            msgspec.json.encode(caller), media_type="application/json", headers={"cache-control": "no-store"}
        )
