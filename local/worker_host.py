"""
The function host on `azure-functions-runtime`, the core of Microsoft's own Python worker.

    python -m local.worker_host --port 7071

It shows that the app runs in Azure's worker and not only in ours. In Azure the worker speaks gRPC
to the host and HTTP to a proxy in front of it; here both are calls: messages are plain objects, and
the FastAPI app that the worker builds is mounted where it would start a server of its own. This
takes private names of the worker, so its version is pinned. It wants Python 3.13 or later.
"""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import azure_functions_runtime as runtime
from azurefunctions.extensions.http.fastapi import web
from starlette.types import ASGIApp, Receive, Scope, Send

from local.function_host.command import run_host
from local.function_host.triggers import Function
from local.function_host.worker import AppInvalid, FunctionFailed, Tick, TriggerBlob, import_app

_SETTLE_SECONDS = 5.0


class RuntimeWorker:
    """Runs functions in the core of Microsoft's worker."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    async def load(self, app_dir: Path) -> Sequence[Function]:
        """See `Worker`."""
        import_app(app_dir)
        web.WebServer = _MountedServer  # type: ignore[attr-defined, assignment]
        init = SimpleNamespace(capabilities={}, function_app_directory=str(app_dir))
        _check(await _ask(runtime.worker_init_request, worker_init_request=init), AppInvalid)
        functions = (await _ask(runtime.functions_metadata_request)).function_metadata_results
        self._ids = {f.name: f.function_id for f in functions}
        return [Function(name=f.name, bindings=tuple(map(json.loads, f.raw_bindings))) for f in functions]

    async def serve(self, function: str, parameter: str, scope: Scope, receive: Receive, send: Send) -> None:
        """See `Worker`."""
        invocation_id = dict(scope["headers"])[b"x-ms-invocation-id"].decode()
        # The worker hands the function the request it got by HTTP, and takes of this one only
        # the parameters of the route.
        request = _Data("http", SimpleNamespace(**_EMPTY_HTTP, params=scope["path_params"]))
        invocation = asyncio.create_task(self._invoke(function, parameter, request, invocation_id=invocation_id))
        try:
            await _MountedServer.app(scope, receive, send)
        finally:
            await asyncio.wait([invocation], timeout=_SETTLE_SECONDS)
            if invocation.cancel():
                # The worker answered without the function, as it does for `/docs`. In Azure that
                # ends in a time-out, which takes the whole worker with it.
                raise FunctionFailed("the request was answered without the function, which hangs")

    async def run_timer(self, function: str, parameter: str, tick: Tick) -> None:
        """See `Worker`."""
        timer = {"IsPastDue": tick.past_due, "ScheduleStatus": tick.schedule_status, "Schedule": {}}
        _check(await self._invoke(function, parameter, _Data("json", json.dumps(timer))), FunctionFailed)

    async def run_blob(self, function: str, parameter: str, blob: TriggerBlob) -> None:
        """See `Worker`."""
        about = {
            "BlobTrigger": _Data("string", blob.name),
            "Uri": _Data("json", json.dumps(blob.uri)),
            "Properties": _Data("json", json.dumps(dict(blob.properties))),
            "Metadata": _Data("json", json.dumps(dict(blob.metadata))),
        }
        content = _Data("bytes", blob.content)
        _check(await self._invoke(function, parameter, content, metadata=about), FunctionFailed)

    async def _invoke(
        self,
        function: str,
        parameter: str,
        value: _Data,
        *,
        invocation_id: str | None = None,
        metadata: Mapping[str, _Data] | None = None,
    ) -> Any:
        binding = _Data("data", value)
        binding.name = parameter
        return await _ask(
            runtime.invocation_request,
            invocation_request=SimpleNamespace(
                invocation_id=invocation_id or str(uuid.uuid4()),
                function_id=self._ids[function],
                input_data=[binding],
                trigger_metadata=metadata or {},
                trace_context=SimpleNamespace(trace_parent="", trace_state="", attributes={}),
                retry_context=SimpleNamespace(retry_count=0, max_retry_count=0, exception=None),
            ),
        )


class _MountedServer:
    """Stands where the worker's own HTTP server would: keeps the app, and serves nothing."""

    app: ClassVar[ASGIApp]

    def __init__(self, hostname: str, port: int, web_app: Any) -> None:
        del hostname, port
        type(self).app = web_app.get_app()

    async def serve(self) -> None:
        """Return at once: the host has a server."""


class _Data:
    """A stand-in for a protobuf `oneof`: one field, and the name of it."""

    name: str

    def __init__(self, kind: str, value: object) -> None:
        self._kind = kind
        setattr(self, kind, value)

    def WhichOneof(self, group: str) -> str:  # noqa: N802 - protobuf's name
        del group
        return self._kind


class _Message(SimpleNamespace):
    """A stand-in for any protobuf message."""


class _Protos:
    """A stand-in for the generated protobuf module: each message a plain object, few constants."""

    # FunctionRpc.proto, https://github.com/Azure/azure-functions-language-worker-protobuf
    class BindingInfo(_Message):
        """How a parameter is bound."""

        undefined = 0
        out = 1
        inout = 2

    class StatusResult(_Message):
        """How something ended."""

        Failure = 0
        Success = 1

    def __getattr__(self, name: str) -> type[_Message]:
        return _Message


_PROTOS = _Protos()
_EMPTY_HTTP: Mapping[str, Any] = {
    "method": "",
    "url": "",
    "headers": {},
    "query": {},
    "body": _Data("bytes", b""),
}


async def _ask(entry: Callable[[Any], Awaitable[Any]], **message: object) -> Any:
    # Only the runtime's HTTP server would use the host; it is not started.
    properties = {"host": "127.0.0.1", "protos": _PROTOS}
    return await entry(SimpleNamespace(request=SimpleNamespace(**message), properties=properties))


def _check(response: Any, error: type[Exception]) -> None:
    if response.result.status != _PROTOS.StatusResult.Success:
        raise error(f"{response.result.exception.message}\n{response.result.exception.stack_trace}")


if __name__ == "__main__":
    sys.exit(run_host(RuntimeWorker, "Run a function app on the core of Microsoft's Python worker."))
