"""A function app that shows what a host does: every trigger, every way to answer or to fail."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import azure.functions as func
from azurefunctions.extensions.http.fastapi import JSONResponse, Request, Response, StreamingResponse

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
ticks: list[func.TimerRequest] = []


def note(line: str) -> None:
    """Tell the test what happened, in a file that outlives the process."""
    with Path(os.environ["SAMPLE_NOTES"]).open("a") as notes:
        notes.write(line + "\n")


signal.signal(signal.SIGTERM, lambda *_: note("told to end"))


@app.route("echo/{*path}")
async def echo(req: Request) -> JSONResponse:
    """Say what the function saw."""
    body = await req.body()
    headers = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in req.headers.raw]
    return JSONResponse(
        {
            "method": req.method,
            "path": req.scope["raw_path"].decode("latin-1"),
            "query": req.scope["query_string"].decode("latin-1"),
            "path_params": req.path_params,
            "headers": headers,
            "body_length": len(body),
        }
    )


@app.route("items/{id}", methods=["GET"])
async def one_item(req: Request) -> JSONResponse:
    """Answer for a parameter."""
    return JSONResponse({"id": req.path_params["id"]})


@app.route("items/all", methods=["GET"])
async def all_items(req: Request) -> JSONResponse:
    """Answer for a literal, which comes before a parameter."""
    return JSONResponse({"all": True})


@app.route("upload", methods=["POST"])
async def upload(req: Request) -> JSONResponse:
    """Count a body as it comes."""
    return JSONResponse({"length": sum([len(chunk) async for chunk in req.stream()])})


@app.route("stream", methods=["GET"])
async def stream(req: Request) -> StreamingResponse:
    """Send a chunk, and the next only once the caller has told us by file that it got the first."""
    return StreamingResponse(_chunks(), media_type="text/event-stream")


async def _chunks() -> AsyncIterator[bytes]:
    try:
        for i in range(3):
            yield f"data: {i}\n\n".encode()
            while not Path(os.environ["SAMPLE_NOTES"] + f".got{i}").exists():
                await asyncio.sleep(0.01)
    except asyncio.CancelledError:
        note("stream cancelled")
        raise


class OfItsOwn(Response):
    """A response that is an ASGI app of its own."""

    async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        """Send two chunks, and note it."""
        await send({"type": "http.response.start", "status": 299, "headers": [(b"x-kept", b"as it was")]})
        await send({"type": "http.response.body", "body": b"one ", "more_body": True})
        await send({"type": "http.response.body", "body": b"two"})
        note("custom response sent")


@app.route("custom", methods=["GET"])
async def custom(req: Request) -> Response:
    """Answer with a response class of ours."""
    return OfItsOwn()


@app.route("slow", methods=["GET"])
async def slow(req: Request) -> Response:
    """Take a second, whatever the caller does, and say whether it was still there."""
    note("slow begun")
    try:
        await asyncio.sleep(1)
    except asyncio.CancelledError:
        note("slow cancelled")
        raise
    note(f"slow ended, disconnected: {await req.is_disconnected()}")
    return Response("slow")


@app.route("plain", methods=["GET"])
def plain(req: Request) -> Response:
    """Answer from a function that is not async."""
    return Response("plain", media_type="text/plain")


@app.route("raises", methods=["GET"])
async def raises(req: Request) -> Response:
    """Fail."""
    raise RuntimeError("told to")


@app.route("nothing", methods=["GET"])
async def nothing(req: Request) -> Response:
    """Forget to answer."""
    return None  # type: ignore[return-value]


@app.route("locked", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
async def locked(req: Request) -> Response:
    """Answer whoever has the function key."""
    return Response("open")


@app.timer_trigger(arg_name="timer", schedule="%SAMPLE_SCHEDULE%", run_on_startup=True)
async def tick(timer: func.TimerRequest) -> None:
    """Note a tick; fail the first time."""
    ticks.append(timer)
    note(f"tick {len(ticks)}")
    if len(ticks) == 1:
        raise RuntimeError("the first tick fails")


if "SAMPLE_CONTAINER" in os.environ:

    @app.blob_trigger(arg_name="blob", path="%SAMPLE_CONTAINER%/logs/{name}.json", connection="AzureWebJobsStorage")
    async def read_blob(blob: func.InputStream) -> None:
        """Note a blob; fail where it says so."""
        content = blob.read()
        note(json.dumps({"blob": blob.name, "length": len(content)}))
        if content == b"poison":
            raise RuntimeError("told to")
