"""What we mend of the Functions worker: that it is mended, and that it still needs to be."""

from __future__ import annotations

import asyncio
import functools
import importlib
import logging
import logging.config
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import fastapi
import httpx
import pytest
import uvicorn.config
from azurefunctions.extensions.http.fastapi import web
from fastapi import Request

from shared.web.platform import close_docs_routes, mend_platform, quiet_loggers, release_finished_requests
from tests.web.asgi import running

needs_runtime = pytest.mark.skipif(
    sys.version_info < (3, 13), reason="azure-functions-runtime, whose leak it is, needs Python 3.13 or later"
)
DOCS = ["/docs", "/redoc", "/openapi.json", "/docs/oauth2-redirect"]


# Routes.


@pytest.fixture
def unmended_web(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The extension's module as it ships, whatever was mended before."""
    monkeypatch.setattr(web, "FastAPI", fastapi.FastAPI)
    module: ModuleType = web
    return module


async def answers_of(web_app: Any) -> list[str]:
    """Return what the worker's web application says to each of the paths."""

    @web_app.route  # type: ignore[untyped-decorator]
    async def catch_all(request: Request) -> str:
        return "reached the function"

    async with running(web_app.get_app()) as url, httpx.AsyncClient(base_url=url) as client:
        return [(await client.get(path)).text for path in DOCS]


async def test_docs_routes_reach_the_function(unmended_web: ModuleType) -> None:
    """The worker would answer them itself, and leave the invocation waiting for ever."""
    close_docs_routes()

    assert await answers_of(unmended_web.WebApp()) == ['"reached the function"'] * 4


async def test_the_extension_still_answers_docs_routes_itself(unmended_web: ModuleType) -> None:
    """When this fails, the extension has mended it: take `close_docs_routes` out."""
    answers = await answers_of(unmended_web.WebApp())

    assert not any("reached the function" in answer for answer in answers)


def test_the_extension_is_mended_once(unmended_web: ModuleType) -> None:
    """Function apps are imported again when a worker specializes."""
    close_docs_routes()
    mended = unmended_web.FastAPI
    close_docs_routes()

    assert unmended_web.FastAPI is mended
    assert isinstance(mended, functools.partial)
    assert mended.func is fastapi.FastAPI


# Logs.


@pytest.fixture
def loggers() -> Iterator[None]:
    """Put the loggers of the platform back as they were."""
    names = ["uvicorn", "uvicorn.access", "uvicorn.error", "azure_functions_worker", "azure_functions_runtime"]
    kept = [(logger, logger.__dict__.copy()) for logger in map(logging.getLogger, names)]
    filters = logging.getLogger("uvicorn.access").filters[:]
    yield
    for logger, state in kept:
        logger.__dict__.update(state)
    logging.getLogger("uvicorn.access").filters[:] = filters


@pytest.mark.usefixtures("loggers")
def test_no_url_is_logged_though_uvicorn_sets_up_its_logs_later(capfd: pytest.CaptureFixture[str]) -> None:
    """`?code=` holds a function key, and the access log holds URLs."""
    quiet_loggers()
    quiet_loggers()
    logging.config.dictConfig(uvicorn.config.LOGGING_CONFIG)
    access = logging.getLogger("uvicorn.access")
    access.info('%s - "%s %s HTTP/%s" %d', "203.0.113.7", "GET", "/openai?code=s3cret", "1.1", 200)
    logging.getLogger("uvicorn.error").error("worker trouble")
    written = "".join(capfd.readouterr())

    assert "s3cret" not in written
    assert "worker trouble" in written
    assert len(access.filters) == 1


@pytest.mark.usefixtures("loggers")
@pytest.mark.parametrize("name", ["azure_functions_worker", "azure_functions_runtime.x", "azure.core.pipeline"])
def test_the_workers_chatter_is_kept_out_and_its_troubles_are_not(name: str) -> None:
    """Three messages a request go over gRPC to a log that is paid by the gigabyte."""
    quiet_loggers()

    assert not logging.getLogger(name).isEnabledFor(logging.INFO)
    assert logging.getLogger(name).isEnabledFor(logging.WARNING)


@pytest.mark.usefixtures("loggers")
def test_our_own_logs_are_left_alone() -> None:
    """`call.refused` is for the operator."""
    before = logging.getLogger("shared").getEffectiveLevel()
    quiet_loggers()

    assert logging.getLogger("shared").getEffectiveLevel() == before


# Requests that are kept for ever.


@pytest.fixture
def coordinator(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A coordinator of the runtime as it ships, in the place where the worker looks for it."""
    http_v2 = importlib.import_module("azure_functions_runtime.http_v2")
    monkeypatch.setattr(http_v2.SingletonMeta, "_instances", {})
    monkeypatch.setattr(http_v2, "http_coordinator", http_v2.HttpCoordinator())
    return http_v2.http_coordinator


async def serve(coordinator: Any, invocation_id: str, response: object) -> object:
    """Let a request go through the coordinator, as the worker does, and return what is sent."""
    coordinator.set_http_request(invocation_id, f"request {invocation_id}")
    sending = asyncio.create_task(coordinator.await_http_response_async(invocation_id))
    assert await coordinator.get_http_request_async(invocation_id) == f"request {invocation_id}"
    coordinator.set_http_response(invocation_id, response)
    return await sending


@needs_runtime
async def test_a_request_that_is_answered_is_let_go(coordinator: Any) -> None:
    """2 KB of each, for ever, is 2 GB after a million calls."""
    release_finished_requests()
    answers = await asyncio.gather(*(serve(coordinator, str(number), f"answer {number}") for number in range(100)))

    assert answers == [f"answer {number}" for number in range(100)]
    assert coordinator._context_references == {}


@needs_runtime
async def test_the_runtime_still_keeps_requests_for_ever(coordinator: Any) -> None:
    """When this fails, the runtime has mended it: take `release_finished_requests` out."""
    await serve(coordinator, "1", "answer")

    assert list(coordinator._context_references) == ["1"]


@needs_runtime
async def test_what_a_function_raised_is_handed_on(coordinator: Any) -> None:
    """The worker puts it where the answer would be, and raises it itself."""
    release_finished_requests()
    failure = ValueError("of the function")

    assert await serve(coordinator, "1", failure) is failure
    assert coordinator._context_references == {}


@needs_runtime
async def test_what_the_coordinator_raises_is_raised(coordinator: Any) -> None:
    """For an id it never heard of, and for one that nobody waits for any longer."""
    release_finished_requests()
    with pytest.raises(KeyError, match="unheard-of"):
        await coordinator.await_http_response_async("unheard-of")
    coordinator.set_http_request("1", "request")
    waiting = asyncio.create_task(coordinator.await_http_response_async("1"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert coordinator._context_references == {}


@needs_runtime
async def test_requests_in_flight_are_kept(coordinator: Any) -> None:
    """Only what is answered goes."""
    release_finished_requests()
    coordinator.set_http_request("waits", "request")
    await serve(coordinator, "answered", "answer")

    assert list(coordinator._context_references) == ["waits"]


@needs_runtime
def test_the_coordinator_is_mended_once(coordinator: Any) -> None:
    """A wrapper around a wrapper, each time the app is imported, would be a leak of its own."""
    mend_platform()
    mended = coordinator.await_http_response_async
    mend_platform()

    assert coordinator.await_http_response_async is mended


@pytest.mark.parametrize("worker", [SimpleNamespace(), SimpleNamespace(http_coordinator=SimpleNamespace())])
def test_a_worker_that_is_another_is_left_alone(monkeypatch: pytest.MonkeyPatch, worker: SimpleNamespace) -> None:
    """A patch that does not fit breaks every call; a leak only the instance, in days."""
    before = dict(getattr(worker, "http_coordinator", worker).__dict__)
    monkeypatch.setitem(sys.modules, "azure_functions_runtime.http_v2", worker)
    monkeypatch.delitem(sys.modules, "azure_functions_worker.http_v2", raising=False)
    release_finished_requests()

    assert dict(getattr(worker, "http_coordinator", worker).__dict__) == before


def test_without_a_worker_there_is_nothing_to_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    """The app is imported by tests and tools, too; and the worker is not imported for it."""
    for name in ("azure_functions_runtime.http_v2", "azure_functions_worker.http_v2"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    release_finished_requests()

    assert "azure_functions_runtime.http_v2" not in sys.modules
