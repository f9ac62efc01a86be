"""How a host ends."""

from __future__ import annotations

import signal
import socket
import sys
import threading
from pathlib import Path

import httpx
import pytest

from local.child import Child
from tests.hosts import HOSTS
from tests.local.sample_app import running_sample


@pytest.mark.parametrize("host", HOSTS)
def test_requests_that_run_may_finish(host: str, tmp_path: Path) -> None:
    """A restart must not cut answers short."""
    answers: list[httpx.Response] = []
    with running_sample(host, tmp_path) as app:
        caller = threading.Thread(target=lambda: answers.append(httpx.get(f"{app.url}/slow")))
        caller.start()
        app.wait_for_notes("slow begun")
        code = app.host.process.stop()
        caller.join()

    assert [answer.text for answer in answers] == ["slow"]
    assert code == 0
    # The sample sets a handler for SIGTERM, as an app may that has something to flush.
    assert app.notes()[-1] == "told to end"


def test_ctrl_c_ends_it_too(tmp_path: Path) -> None:
    """SIGINT is how people end it, SIGTERM how programs do."""
    with running_sample("local.function_host", tmp_path) as app:
        code = app.host.process.stop(signal.SIGINT)

    assert code == 0


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("del app", "function_app.py holds 0 function apps, not one"),
        (
            "@app.timer_trigger(arg_name='t', schedule='0 0 0 30 2 *')\nasync def f(t): ...",
            "f: the schedule names a day that never comes",
        ),
        (
            "@app.timer_trigger(arg_name='t', schedule='%NOT_THERE%')\nasync def f(t): ...",
            "f: the setting NOT_THERE is missing, which a binding names as %NOT_THERE%",
        ),
        (
            "@app.route('x/{*all}/y')\nasync def f(req): ...",
            "f: in the route 'api/x/{*all}/y' something follows what can only be last",
        ),
        ("@app.route('x')\nasync def f(r): ...", "f takes ['r'], but its bindings are ['req']"),
    ],
)
def test_an_app_that_cannot_run_is_told_why(tmp_path: Path, function: str, message: str) -> None:
    """Azure's host would not start these functions either, and says it less plainly."""
    _write_app(tmp_path, function)
    with Child("host", _command(tmp_path)) as host:
        line = host.wait_for_line("^error: ", 30).string
        code = host.wait(10)

    assert line == f"error: {message}"
    assert code == 1


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    """The commonest reason why nothing starts."""
    _write_app(tmp_path, "")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with Child("host", _command(tmp_path, port)) as host:
            line = host.wait_for_line("^error: ", 30).string

    assert line == f"error: cannot listen on 127.0.0.1:{port}: Address already in use"


def _write_app(app_dir: Path, function: str) -> None:
    source = f"import azure.functions as func\n\napp = func.FunctionApp()\n{function}\n"
    (app_dir / "function_app.py").write_text(source)


def _command(app_dir: Path, port: int = 0) -> list[str]:
    host = [sys.executable, "-m", "local.function_host"]
    return [*host, "--port", str(port), "--app-dir", str(app_dir)]
