"""The command line of the host, whichever worker runs the functions."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import uvloop

from local.errors import WorkbenchError
from local.function_host.host import FunctionHost
from local.function_host.worker import Worker

_Handler = Callable[[int, FrameType | None], Any]

# For an app to end what it has opened, once its requests have ended.
_CLOSE_SECONDS = 15.0

# What every log record has; anything else came in `extra`.
_STANDARD = set(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}


def run_host(make_worker: Callable[[], Worker], description: str) -> int:
    """Host the app that the command line names until SIGINT or SIGTERM; return the exit code."""
    arguments = _parser(description).parse_args()
    _configure_logging()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_host_until_signalled(make_worker(), arguments))
    except WorkbenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


async def _host_until_signalled(worker: Worker, arguments: argparse.Namespace) -> None:
    host = FunctionHost(
        arguments.app_dir,
        worker,
        settings=os.environ,
        host=arguments.host,
        port=arguments.port,
        grace=arguments.grace,
    )
    signalled = asyncio.Event()
    signal.signal(signal.SIGTERM, _exit_unless(signalled))
    await host.start()
    # The app may have set a handler for SIGTERM when it was imported. In Azure it is called once
    # uvicorn, which takes the signal first, has let the requests finish.
    handler_of_app = signal.getsignal(signal.SIGTERM)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, signalled.set)
    if host.needs_function_key:
        print(f"function key {host.function_key}", flush=True)
    print(f"ready {host.url}", flush=True)
    await signalled.wait()
    await host.stop()
    if callable(handler_of_app):
        await _let_app_close(handler_of_app)


def _exit_unless(signalled: asyncio.Event) -> _Handler:
    """Return what SIGTERM does before the app has said what it wants: until we run, it ends us."""

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a handler
        if not signalled.is_set():
            raise SystemExit(0)

    return handle


async def _let_app_close(handler_of_app: _Handler) -> None:
    """Call the app's handler, and wait for the tasks it starts to end."""
    before = asyncio.all_tasks()
    handler_of_app(signal.SIGTERM, None)
    if started := asyncio.all_tasks() - before:
        await asyncio.wait(started, timeout=_CLOSE_SECONDS)


def _parser(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, default=7071, help="the port to listen on, 0 for a free one")
    parser.add_argument("--app-dir", type=Path, default=Path(), help="the folder of function_app.py")
    parser.add_argument("--grace", type=float, default=10.0, help="seconds for running functions when it stops")
    return parser


def _configure_logging() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_EventFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # At INFO the storage SDK logs every request, and uvicorn and the worker every step.
    for name in ("azure", "azure.functions", "uvicorn", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)


class _EventFormatter(logging.Formatter):
    """Writes the fields of an event (`extra`) behind its name."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name logging calls
        fields = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        return " ".join([super().formatMessage(record), *(f"{k}={v}" for k, v in fields.items())])
