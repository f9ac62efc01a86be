"""The host: a function app, its triggers, and the server in front of it."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import uvicorn

from local.errors import WorkbenchError
from local.function_host.blobs import run_blob_trigger
from local.function_host.front import HttpFront
from local.function_host.limits import BODY_BYTES, RequestLimits
from local.function_host.timers import run_timer
from local.function_host.triggers import BlobTrigger, HttpTrigger, TimerTrigger, Trigger, read_triggers
from local.function_host.worker import Worker

_FUNCTION_KEY_SETTING = "LOCAL_FUNCTION_KEY"


class PortTaken(WorkbenchError):
    """Something else listens where we would."""


class FunctionHost:
    """
    A function app on a port of this machine. A process can host one app, once: its modules are global.

    `grace` is for how many seconds running functions may go on once it stops.
    """

    def __init__(
        self,
        app_dir: Path,
        worker: Worker,
        *,
        settings: Mapping[str, str],
        host: str = "127.0.0.1",
        port: int = 0,
        grace: float = 10.0,
    ) -> None:
        self._app_dir = app_dir.resolve()
        self._worker = worker
        self._settings = settings
        self._address = (host, port)
        self._grace = grace
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.function_key = settings.get(_FUNCTION_KEY_SETTING) or secrets.token_urlsafe(24)
        self.needs_function_key = False

    @property
    def url(self) -> str:
        """Where it answers, without a slash at the end."""
        return f"http://localhost:{self._address[1]}"

    async def start(self) -> None:
        """
        Load the app and return once it takes requests.

        Raises:
            WorkbenchError: the app, its triggers or its host.json are wrong, or the port is taken.
        """
        functions = await self._worker.load(self._app_dir)
        route_prefix = _route_prefix(self._app_dir / "host.json")
        triggers = read_triggers(functions, route_prefix=route_prefix, settings=self._settings)
        await self._serve([trigger for trigger in triggers if isinstance(trigger, HttpTrigger)])
        self._tasks += [asyncio.create_task(loop) for loop in map(self._loop, triggers) if loop is not None]

    async def stop(self) -> None:
        """Take no more requests, let what runs finish within the grace, and cancel the rest."""
        self._stopping.set()
        self._server.should_exit = True
        # The server keeps the grace itself; leave it a moment to close what it then cuts.
        _, late = await asyncio.wait(self._tasks, timeout=self._grace + 1)
        for task in late:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _serve(self, triggers: list[HttpTrigger]) -> None:
        self.needs_function_key = any(trigger.needs_key for trigger in triggers)
        front = HttpFront(self._worker, triggers, function_key=self.function_key)
        body_bytes = int(self._settings.get("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT") or BODY_BYTES)
        config = uvicorn.Config(
            RequestLimits(front, body_bytes=body_bytes),
            # Functions serve no websockets. An access log would hold `?code=` keys.
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=int(self._grace),
        )
        self._server = _Server(config)
        listener = _listen(*self._address)
        self._address = listener.getsockname()[:2]
        serving = asyncio.create_task(self._server.serve(sockets=[listener]))
        self._tasks.append(serving)
        while not self._server.started and not serving.done():
            await asyncio.sleep(0.005)

    def _loop(self, trigger: Trigger) -> Any:
        match trigger:
            case TimerTrigger():
                return run_timer(self._worker, trigger, self._stopping)
            case BlobTrigger():
                return run_blob_trigger(self._worker, trigger, self._stopping)
            case HttpTrigger():
                return None


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs the host."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _route_prefix(host_json: Path) -> str:
    try:
        settings = json.loads(host_json.read_text("utf-8")) if host_json.exists() else {}
    except ValueError as error:
        raise WorkbenchError(f"{host_json} is no JSON: {error}") from error
    prefix = settings.get("extensions", {}).get("http", {}).get("routePrefix", "api")
    return str(prefix)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise PortTaken(f"cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}") from error
