"""Quirks of the Functions worker for Python, mended where it cannot be asked to change.

Each is guarded: where the worker is another, or has mended it itself, nothing is touched. The
tests say when one can be removed.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import logging
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from types import FrameType, SimpleNamespace
from typing import Any

# The worker core of Python 3.13 and later, and the worker before it.
_COORDINATORS = ("azure_functions_runtime.http_v2", "azure_functions_worker.http_v2")

# How long answers under way may go on when the worker stops; the app's own grace comes after it.
_GRACEFUL_SECONDS = 8

# At INFO the worker writes three messages a request, each sent to the host over gRPC.
_NOISY_LOGGERS = (
    "azure_functions_worker",
    "azure_functions_runtime",
    "azure.functions",
    "azure.core",
    "azure.identity",
)


def mend_platform() -> None:
    """Apply all of it. Call it when `function_app` is imported, before the worker opens its port."""
    quiet_loggers()
    close_docs_routes()
    serve_plainly()
    release_finished_requests()


def close_on_sigterm(close: Callable[[], Awaitable[None]]) -> None:
    """
    Run `close` when the worker is told to stop, then let it stop as it would have.

    The worker's web server takes the signal first, lets requests finish, and raises it again for the
    handler that was there before it: this one, if it was set when `function_app` was imported.
    """
    before = signal.getsignal(signal.SIGTERM)

    async def close_and_stop() -> None:
        try:
            await close()
        finally:
            signal.signal(signal.SIGTERM, before)
            signal.raise_signal(signal.SIGTERM)

    def on_sigterm(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a handler
        task = asyncio.get_running_loop().create_task(close_and_stop())
        _closing.add(task)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, on_sigterm)


# A task nobody holds may be collected before it is done.
_closing: set[asyncio.Task[None]] = set()


def quiet_loggers() -> None:
    """Keep the worker's chatter, and every URL with a `?code=` in it, out of the logs."""
    for name in _NOISY_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    # uvicorn configures its loggers when it starts, after us, but leaves filters alone.
    access = logging.getLogger("uvicorn.access")
    if _drop not in access.filters:
        access.addFilter(_drop)


def _drop(record: logging.LogRecord) -> bool:  # noqa: ARG001 - a filter
    return False


def close_docs_routes() -> None:
    """
    Take /docs, /redoc and /openapi.json from the worker's own web application.

    It would answer them itself, with a description of nothing, while the invocation that
    belongs to the request waits for ever.
    """
    # The worker's web application is made by this module, from the name it imported.
    web: Any = importlib.import_module("azurefunctions.extensions.http.fastapi.web")
    if not isinstance(web.FastAPI, functools.partial):
        web.FastAPI = functools.partial(web.FastAPI, docs_url=None, redoc_url=None, openapi_url=None)


def serve_plainly() -> None:
    """
    Have the worker's web server add no `date` and no `server` to those of Azure, and write no access log.

    It also gives up on answers that never end once it is told to stop; without a limit it waits for ever.
    """
    web: Any = importlib.import_module("azurefunctions.extensions.http.fastapi.web")
    if isinstance(web.uvicorn, SimpleNamespace):
        return
    config = functools.partial(
        web.uvicorn.Config,
        access_log=False,
        date_header=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACEFUL_SECONDS,
    )
    web.uvicorn = SimpleNamespace(Config=config, Server=web.uvicorn.Server)


def release_finished_requests() -> None:
    """
    Let go of requests that are answered: the worker keeps some 2 KB of each for ever.

    https://github.com/Azure/azure-functions-python-worker/pull/1877 names the leak.
    """
    for module_name in _COORDINATORS:
        coordinator = getattr(sys.modules.get(module_name), "http_coordinator", None)
        if isinstance(getattr(coordinator, "_context_references", None), dict):
            _release_after_response(coordinator)


def _release_after_response(coordinator: Any) -> None:
    wait_for_response = coordinator.await_http_response_async
    if hasattr(wait_for_response, "__wrapped__"):
        return

    @functools.wraps(wait_for_response)
    async def wait_and_release(invocation_id: str) -> Any:
        try:
            return await wait_for_response(invocation_id)
        finally:
            coordinator._context_references.pop(invocation_id, None)  # noqa: SLF001 - the leak itself

    coordinator.await_http_response_async = wait_and_release
