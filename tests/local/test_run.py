"""`make run`."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables import TableServiceClient

from local.child import Child
from local.simulated_exports.past_the_gate import LISTED_THE_KEYS

_START_SECONDS = 60.0
_CALL = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}


def test_a_call_with_the_key_it_shows_is_in_the_usage_still_there_after_a_restart(tmp_path: Path) -> None:
    """What somebody does who tries it out: paste the call, look at the usage, come back tomorrow."""
    with _running(tmp_path) as run:
        url, key = _url(run), (tmp_path / "dev-key").read_text().strip()
        answer = httpx.post(f"{url}/openai/v1/chat/completions", json=_CALL, headers={"api-key": key})
        logged = _logged_listing_of_keys(tmp_path)
        shown = run.last_lines(200)
        code = run.stop(signal.SIGINT)
    with _running(tmp_path) as run:
        usage = httpx.get(f"{_url(run)}/usage", headers={"api-key": key}).json()

    assert answer.status_code == 200
    assert f"-H 'api-key: {key}'" in shown
    assert shown.count("\nready http://") == 1
    assert code == 0
    assert logged["principal_name"] == LISTED_THE_KEYS.name
    assert usage["totals"]["calls"] == 1
    assert usage["totals"]["total_tokens"] == answer.json()["usage"]["total_tokens"]


def test_nothing_is_exported_where_nobody_wants_it(tmp_path: Path) -> None:
    """Who works on something else has a ledger that nothing but their own calls writes to."""
    with _running(tmp_path, SIMULATE_EXPORTS="0") as run:
        _url(run)
        simulator = _child_of(run.pid, "local.simulated_azure_openai")
        with pytest.raises(AssertionError, match="no child"):
            _child_of(run.pid, "--export-to")

    assert simulator


def test_the_key_is_private_and_the_environment_may_name_another(tmp_path: Path) -> None:
    """The folder lies in a repository on somebody's machine, the other key in a script of theirs."""
    with _running(tmp_path, LEDGER_DEV_KEY="my-own-key") as run:
        answer = httpx.get(f"{_url(run)}/usage", headers={"api-key": "my-own-key"})
    with _running(tmp_path) as run:
        _url(run)

    assert answer.status_code == 200
    assert stat.S_IMODE((tmp_path / "dev-key").stat().st_mode) == 0o600


def test_a_shell_finds_the_settings_of_the_app(tmp_path: Path) -> None:
    """Else the command line looks at an installation that is half there, and says so."""
    with _running(tmp_path) as run:
        _url(run)
        command = f'. {tmp_path}/env && "{sys.executable}" -m shared.cli doctor --json'
        seen = subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=False, text=True)

    status = {each["name"]: each["status"] for each in json.loads(seen.stdout)}
    assert (status["settings"], status["upstream"]) == ("ok", "ok")
    assert seen.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_it_ends_nothing_is_left_behind(tmp_path: Path, number: signal.Signals) -> None:
    """Not even when it is killed: a port that stays taken is the first thing to fail next time."""
    with _running(tmp_path) as run:
        ports = {urlsplit(_url(run)).port, _azurite_port(tmp_path)}
        code = run.stop(number)
        deadline = time.monotonic() + 30
        while any(map(_answers, ports)) and time.monotonic() < deadline:
            time.sleep(0.05)

    assert code == (-9 if number == signal.SIGKILL else 0)
    assert not any(map(_answers, ports))


def test_a_second_one_is_refused(tmp_path: Path) -> None:
    """Two emulators on one folder would write over each other."""
    with _running(tmp_path) as run:
        _url(run)
        with _running(tmp_path) as second:
            line = second.wait_for_line("^error: ", _START_SECONDS).string
            code = second.wait(10)

    assert line == f"error: `make run` is running already, with what it keeps in {tmp_path}"
    assert code == 1


def test_a_part_that_does_not_start_is_named_with_its_last_words(tmp_path: Path) -> None:
    """A port in use, most often."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with _running(tmp_path, PORT=str(port)) as run:
            line = run.wait_for_line("^error: the function app", _START_SECONDS).string
            code = run.wait(20)

    assert line == "error: the function app ended with 1. Its last lines:"
    assert f"error: cannot listen on 127.0.0.1:{port}: Address already in use" in run.last_lines()
    assert code == 1


def test_a_part_that_dies_ends_it_all(tmp_path: Path) -> None:
    """A half that runs on would answer every call with an error nobody understands."""
    with _running(tmp_path) as run:
        _url(run)
        os.kill(_child_of(run.pid, "azurite.js"), signal.SIGKILL)
        line = run.wait_for_line("^error: Azurite", 20).string
        code = run.wait(20)

    assert line == "error: Azurite ended with -9. Its last lines:"
    assert code == 1


@contextmanager
def _running(state: Path, **settings: str) -> Iterator[Child]:
    command = [sys.executable, "-m", "local.run", "--state", str(state)]
    with Child("make run", command, env=_bare_environment() | {"PORT": "0"} | settings, grace=30.0) as run:
        yield run


def _bare_environment() -> dict[str, str]:
    ours = {"PORT", "LEDGER_DEV_KEY", "AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY", "UPSTREAM_AUTH"}
    ours |= {"SIMULATE_EXPORTS", "INGEST_SCHEDULE"}
    return {name: value for name, value in os.environ.items() if name not in ours}


def _url(run: Child) -> str:
    return run.wait_for_line(r"^ready (http://\S+)", _START_SECONDS)[1].replace("localhost", "127.0.0.1")


def _logged_listing_of_keys(state: Path) -> dict[str, Any]:
    """Return the first event with a name that Azure's simulated exports brought into the ledger."""
    connection_string = (state / "env").read_text().partition("'")[2].partition("'")[0]
    with TableServiceClient.from_connection_string(connection_string) as tables:
        table = tables.get_table_client("auditevents")
        deadline = time.monotonic() + 45
        while time.monotonic() < deadline:
            with suppress(ResourceNotFoundError):
                for row in table.query_entities("principal_name gt ''"):
                    return dict(row)
            time.sleep(0.2)
    raise AssertionError("no event within 45 s")


def _azurite_port(state: Path) -> int:
    settings = (state / "env").read_text()
    return int(settings.partition("TableEndpoint=http://127.0.0.1:")[2].partition("/")[0])


def _answers(port: int | None) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port or 0), timeout=1).close()
    except ConnectionRefusedError:
        return False
    return True


def _child_of(parent: int, name: str) -> int:
    """Return the id of the child whose command holds `name`."""
    listing = subprocess.run(["ps", "-A", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True)
    for line in listing.stdout.splitlines():
        pid, ppid, command = line.split(None, 2)
        if int(ppid) == parent and name in command:
            return int(pid)
    raise AssertionError(f"no child {name}")
