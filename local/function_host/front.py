"""The way from an HTTP request to the function it sets off."""

from __future__ import annotations

import hmac
import logging
import uuid
from collections.abc import Sequence
from urllib.parse import parse_qsl

from starlette.responses import PlainTextResponse, Response
from starlette.types import Message, Receive, Scope, Send

from local.function_host.routes import path_segments
from local.function_host.triggers import HttpTrigger
from local.function_host.worker import Worker

logger = logging.getLogger(__name__)

_INVOCATION_ID = b"x-ms-invocation-id"
_FUNCTION_KEY = b"x-functions-key"


class HttpFront:
    """An ASGI app: routes, function keys, and 500 for a function that failed."""

    def __init__(self, worker: Worker, triggers: Sequence[HttpTrigger], *, function_key: str) -> None:
        self._worker = worker
        self._triggers = sorted(triggers, key=lambda trigger: trigger.template.precedence)
        self._function_key = function_key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        found = self._find(scope)
        if found is None:
            # A method that no function takes is 404 too:
            # https://github.com/Azure/azure-functions-host/issues/10098
            await Response(status_code=404)(scope, receive, send)
            return
        trigger, parameters = found
        if trigger.needs_key and not self._has_key(scope):
            await Response(status_code=401)(scope, receive, send)
            return
        await self._run(trigger, _with_invocation(scope, parameters), receive, send)

    def _find(self, scope: Scope) -> tuple[HttpTrigger, dict[str, str]] | None:
        path = path_segments(scope["raw_path"])
        for trigger in self._triggers:
            if trigger.methods and scope["method"] not in trigger.methods:
                continue
            parameters = trigger.template.match(path)
            if parameters is not None:
                return trigger, parameters
        return None

    def _has_key(self, scope: Scope) -> bool:
        query = parse_qsl(scope["query_string"].decode("latin-1"))
        sent = [value for name, value in scope["headers"] if name == _FUNCTION_KEY]
        sent += [value.encode() for name, value in query if name == "code"]
        return any(hmac.compare_digest(key, self._function_key) for key in sent)

    async def _run(self, trigger: HttpTrigger, scope: Scope, receive: Receive, send: Send) -> None:
        answer = _Answer(send)
        try:
            await self._worker.serve(trigger.function, trigger.parameter, scope, receive, answer.send)
        except Exception:  # whatever a function raises is a 500, and the host lives on
            if answer.begun and not answer.ended:
                raise  # too late for a status: the server breaks the answer off, and logs why
            logger.exception("function.failed", extra={"function": trigger.function})
            if not answer.begun:
                await PlainTextResponse("Internal Server Error", 500)(scope, receive, send)


class _Answer:
    """How far an answer has got."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False
        self.ended = False

    async def send(self, message: Message) -> None:
        self.begun = True
        self.ended = message["type"] == "http.response.body" and not message.get("more_body")
        await self._send(message)


def _with_invocation(scope: Scope, parameters: dict[str, str]) -> Scope:
    # Ours replaces one the caller sent, as in the host since 4.1039
    # (https://github.com/Azure/azure-functions-host/pull/10980).
    headers = [(name, value) for name, value in scope["headers"] if name != _INVOCATION_ID]
    headers.append((_INVOCATION_ID, str(uuid.uuid4()).encode()))
    return {**scope, "headers": headers, "path_params": parameters}
