"""The app on the core of Microsoft's own worker, where that can do what our host cannot: refuse it, or leak."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx
import pytest

from local.child import Child, python_command
from tests.hosts import running_host

pytestmark = pytest.mark.skipif(sys.version_info < (3, 13), reason="azure-functions-runtime needs Python 3.13 or later")

_APP = """
import azure.functions as func
from azurefunctions.extensions.http.fastapi import Request, Response

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
"""


def test_an_app_that_the_worker_refuses_does_not_start(tmp_path: Path) -> None:
    """The worker checks annotations, which our host does not; a deployed app would have no functions."""
    (tmp_path / "function_app.py").write_text(f"{_APP}\n@app.route('x')\nasync def f(req: int): ...\n")
    with Child("host", python_command("local.worker_host", "--port", "0", "--app-dir", str(tmp_path))) as host:
        line = host.wait_for_line("^error: ", 30).string
        code = host.wait(20)

    assert line.startswith("error: FunctionLoadError: cannot load the f function: ")
    assert code == 1


def test_a_request_that_the_worker_answers_without_the_function_is_told(tmp_path: Path) -> None:
    """It serves `/docs` itself, and the invocation hangs; in Azure that ends the worker an hour later."""
    handler = "async def f(req: Request) -> Response: return Response('ours')"
    (tmp_path / "host.json").write_text('{"version": "2.0", "extensions": {"http": {"routePrefix": ""}}}')
    (tmp_path / "function_app.py").write_text(f"{_APP}\n@app.route('{{*path}}')\n{handler}\n")
    with running_host("local.worker_host", tmp_path, {}) as host:
        ours = httpx.get(f"{host.url}/anything")
        theirs = httpx.get(f"{host.url}/docs", timeout=30)
        host.process.wait_for_line("the request was answered without the function, which hangs", 30)

    assert ours.text == "ours"
    assert "swagger" in theirs.text
