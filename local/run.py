"""
`make run`: everything on this machine, until Ctrl-C.

What is stored, the key to call with, and the app's settings for a shell (`env`) stay in `.azurite/`. The environment
may say PORT (7071, 0 for a free one), LEDGER_DEV_KEY (a random one), AZURE_OPENAI_ENDPOINT and the settings that go
with it (simulated), SIMULATE_EXPORTS=0 (Azure's log exports are simulated where Azure OpenAI is), and any setting of
the app.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shlex import quote
from typing import NoReturn

from local.azurite import running_azurite
from local.child import Child
from local.errors import WorkbenchError
from local.stack import (
    QUICK_SCHEDULES,
    REPOSITORY,
    app_settings,
    export_arguments,
    function_host,
    keep_key,
    ready_url,
    simulator,
)
from shared.domain.gateway_key import KEY_PREFIX

_DEFAULT_STATE = REPOSITORY / ".azurite"
_DEFAULT_PORT = 7071
# What the principal of the key may: see everybody's usage.
_ROLES = frozenset({"Usage.Read.All", "Findings.Accept.All"})
# Settings of a real resource, which the command line needs too; its key is kept in no file.
_PASSED_ON = ("AZURE_OPENAI_ENDPOINT", "UPSTREAM_AUTH")
_LOOK_SECONDS = 0.2


class AlreadyRunning(WorkbenchError):
    """Another `make run` uses the same storage."""


def main() -> int:
    """Run everything; return 0 when told to end, 1 when a part cannot start or ends by itself."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", type=Path, default=_DEFAULT_STATE, help="the folder of what stays")
    state = parser.parse_args().state.resolve()
    # Set for SIGINT too: a shell that starts us in the background has it ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        with ExitStack() as children:
            try:
                _watch(_start(children, state))
            finally:
                # A second Ctrl-C must not leave children behind.
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
    except KeyboardInterrupt:
        print("\nended")
        return 0
    except WorkbenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _start(children: ExitStack, state: Path) -> list[Child]:
    children.enter_context(_alone(state))
    _say("storage emulator")
    azurite = children.enter_context(running_azurite(state / "storage"))
    key = keep_key(azurite.connection_string, "dev", roles=_ROLES, key=_dev_key(state))
    started = [azurite.process]
    settings = {"AzureWebJobsStorage": azurite.connection_string}
    settings |= {name: os.environ[name] for name in _PASSED_ON if os.environ.get(name)}
    endpoint = settings.get("AZURE_OPENAI_ENDPOINT")
    if not endpoint:
        _say("simulated Azure OpenAI")
        exporting = export_arguments(azurite.connection_string) if _exports_simulated() else []
        started.append(children.enter_context(simulator(exporting)))
        settings = app_settings(azurite.connection_string, ready_url(started[-1]))
        settings |= {name: os.environ.get(name) or quick for name, quick in QUICK_SCHEDULES.items()}
    _say("function app")
    host = children.enter_context(function_host(settings, port=_port(), on_line=_pass_on))
    url = ready_url(host)
    environment_file = state / "env"
    _write_private(environment_file, "\n".join(f"export {name}={quote(it)}" for name, it in settings.items()))
    print(_summary(url, key, endpoint, environment_file))
    print(f"ready {url}", flush=True)
    return [*started, host]


def _watch(children: list[Child]) -> NoReturn:
    while True:
        for child in children:
            child.check()
        time.sleep(_LOOK_SECONDS)


@contextmanager
def _alone(state: Path) -> Iterator[None]:
    # Two emulators on one folder would write over each other.
    state.mkdir(parents=True, exist_ok=True)
    with (state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(f"`make run` is running already, with what it keeps in {state}") from None
        yield


def _port() -> int:
    text = os.environ.get("PORT") or str(_DEFAULT_PORT)
    if not text.isascii() or not text.isdigit():
        raise WorkbenchError(f"PORT is {text!r}, not a number")
    return int(text)


def _exports_summary(endpoint: str | None) -> str:
    if endpoint or not _exports_simulated():
        return "not simulated"
    return "simulated, and some calls that go past the app"


def _exports_simulated() -> bool:
    return os.environ.get("SIMULATE_EXPORTS", "1").strip().lower() not in {"0", "false", "off", "no"}


def _dev_key(state: Path) -> str:
    kept = state / "dev-key"
    if given := os.environ.get("LEDGER_DEV_KEY"):
        return given
    if not kept.exists():
        _write_private(kept, KEY_PREFIX + secrets.token_urlsafe(32))
    return kept.read_text("ascii").strip()


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(f"{text}\n", "utf-8")


def _pass_on(line: str) -> None:
    # We say ourselves when it is ready, and only once.
    if not line.startswith("ready "):
        print(line, flush=True)


def _say(what: str) -> None:
    print(f"starting: {what}", flush=True)


def _summary(url: str, key: str, endpoint: str | None, environment_file: Path) -> str:
    model = "YOUR-DEPLOYMENT" if endpoint else "gpt-4o"
    return f"""
  function app   {url}
  Azure OpenAI   {endpoint or "simulated, with deployments as gpt-4o and text-embedding-3-small"}
  storage        Azurite, kept in {environment_file.parent}
  log exports    {_exports_summary(endpoint)}
  gateway key    {key}   (of the principal `dev`)

Make a call:

  curl {url}/openai/v1/chat/completions \\
    -H 'api-key: {key}' -H 'content-type: application/json' \\
    -d '{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello"}}]}}'

the same with the SDK, in .venv/bin/python:

  from openai import OpenAI
  client = OpenAI(base_url="{url}/openai/v1", api_key="{key}")
  answer = client.chat.completions.create(model="{model}", messages=[{{"role": "user", "content": "Hello"}}])
  print(answer.choices[0].message.content, answer.usage)

See who used what: {url}/usage/page, signed in with that key, or

  curl -H 'api-key: {key}' {url}/usage
  . {environment_file} && .venv/bin/python -m shared.cli --help

Ctrl-C ends it all.
"""


if __name__ == "__main__":
    sys.exit(main())
