"""What runs functions: the port of the host, and the worker that simply calls them."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from azure import functions as func
from azure.functions.blob import InputStream
from fastapi import Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from local.errors import WorkbenchError
from local.function_host.triggers import Function


class AppInvalid(WorkbenchError):
    """The function app cannot be loaded."""


class FunctionFailed(Exception):
    """A function did not do what its trigger needs; the message says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A timer that is due. `past_due` where it is late. Times are aware UTC."""

    last: datetime | None
    next: datetime
    past_due: bool

    @property
    def schedule_status(self) -> dict[str, str]:
        """The status as Azure's host hands it over."""
        last = self.last.isoformat() if self.last else "0001-01-01T00:00:00+00:00"
        return {"Last": last, "Next": self.next.isoformat(), "LastUpdated": last}


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerBlob:
    """A blob that sets off a function. Its name starts with its container."""

    name: str
    uri: str
    content: bytes
    properties: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)


class Worker(Protocol):
    """Loads a function app, once per process, and runs its functions. Whatever they raise, it raises."""

    async def load(self, app_dir: Path) -> Sequence[Function]:
        """
        Import `function_app.py` and return its functions.

        Raises:
            AppInvalid: it holds no function app, or more than one.
        """
        ...

    async def serve(self, function: str, parameter: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer an ASGI request whose scope holds `path_params` and an `x-ms-invocation-id`."""
        ...

    async def run_timer(self, function: str, parameter: str, tick: Tick) -> None:
        """Run a timer's function."""
        ...

    async def run_blob(self, function: str, parameter: str, blob: TriggerBlob) -> None:
        """Run a blob trigger's function."""
        ...


class DirectWorker:
    """Calls the functions itself: async ones on the loop, the others in a thread."""

    def __init__(self) -> None:
        self._functions: dict[str, Callable[..., Any]] = {}

    async def load(self, app_dir: Path) -> Sequence[Function]:
        """See `Worker`."""
        functions = {str(f.get_function_name()): f for f in find_app(import_app(app_dir)).get_functions()}
        self._functions = {name: f.get_user_function() for name, f in functions.items()}
        declared = [
            Function(name=name, bindings=tuple(json.loads(raw) for raw in f.get_raw_bindings()))
            for name, f in functions.items()
        ]
        for function in declared:
            _check_parameters(function, self._functions[function.name])
        return declared

    async def serve(self, function: str, parameter: str, scope: Scope, receive: Receive, send: Send) -> None:
        """See `Worker`."""
        answer = await self._run(function, parameter, Request(scope, receive, send))
        if answer is None:
            raise FunctionFailed("the function returned None, not a response")
        # What is no response FastAPI would encode, and so does the real worker.
        response = answer if isinstance(answer, Response) else JSONResponse(jsonable_encoder(answer))
        await response(scope, receive, send)

    async def run_timer(self, function: str, parameter: str, tick: Tick) -> None:
        """See `Worker`."""
        request = func.timer.TimerRequest(past_due=tick.past_due, schedule_status=tick.schedule_status)
        await self._run(function, parameter, request)

    async def run_blob(self, function: str, parameter: str, blob: TriggerBlob) -> None:
        """See `Worker`."""
        stream = InputStream(
            data=blob.content,
            name=blob.name,
            uri=blob.uri,
            length=len(blob.content),
            blob_properties=dict(blob.properties),
            metadata=dict(blob.metadata),
        )
        await self._run(function, parameter, stream)

    async def _run(self, function: str, parameter: str, value: object) -> Any:
        handler = self._functions[function]
        if inspect.iscoroutinefunction(handler):
            return await handler(**{parameter: value})
        return await asyncio.to_thread(handler, **{parameter: value})


def import_app(app_dir: Path) -> ModuleType:
    """
    Import `function_app` from its folder, which comes first on the path from now on.

    Raises:
        AppInvalid: there is none.
    """
    if not (app_dir / "function_app.py").is_file():
        raise AppInvalid(f"there is no function_app.py in {app_dir}")
    sys.path.insert(0, str(app_dir))
    return importlib.import_module("function_app")


def find_app(module: ModuleType) -> func.FunctionRegister:
    """Return the one function app a module holds, or raise AppInvalid."""
    apps = [value for value in vars(module).values() if isinstance(value, func.FunctionRegister)]
    if len(apps) != 1:
        raise AppInvalid(f"function_app.py holds {len(apps)} function apps, not one")
    return apps[0]


def _check_parameters(function: Function, handler: Callable[..., Any]) -> None:
    # The real worker loads no function whose parameters are not just its bindings.
    bound = {binding["name"] for binding in function.bindings} - {"$return"}
    if (taken := set(inspect.signature(handler).parameters)) != bound:
        raise AppInvalid(f"{function.name} takes {sorted(taken)}, but its bindings are {sorted(bound)}")
