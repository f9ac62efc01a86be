"""`openai/{*path}`: request in, answer or error out."""

from __future__ import annotations

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from shared.usecases.identify_principal import IdentifyPrincipal
from shared.usecases.relay_call import RelayCall
from shared.web.answers import RelayResponse
from shared.web.calls import CallersBody, credentials_of, incoming_call
from shared.web.errors import answering_errors


class RelayEndpoint:
    """Relays what a proved principal asks."""

    def __init__(self, identify: IdentifyPrincipal, relay: RelayCall, *, credentials_of_caller: bool) -> None:
        self._identify = identify
        self._relay = relay
        self._credentials_of_caller = credentials_of_caller

    @answering_errors
    async def __call__(self, request: Request) -> Response:
        body = CallersBody(request)
        incoming = incoming_call(request, body)
        identified = await self._identify(credentials_of(request))
        if self._credentials_of_caller:
            incoming = replace(incoming, forwarded_credentials=identified.foreign_credentials)
        return RelayResponse(await self._relay(incoming, identified.principal), body.is_read)
