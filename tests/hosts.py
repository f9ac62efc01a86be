"""The hosts a function app can be run on in tests: ours, and the core of Microsoft's worker."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.child import Child, python_command

_START_SECONDS = 60.0

HOSTS = [
    "local.function_host",
    pytest.param(
        "local.worker_host",
        marks=pytest.mark.skipif(
            sys.version_info < (3, 13), reason="azure-functions-runtime needs Python 3.13 or later"
        ),
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningHost:
    """A host that takes requests."""

    url: str
    process: Child


@contextmanager
def running_host(module: str, app_dir: Path, settings: Mapping[str, str]) -> Iterator[RunningHost]:
    """Run the app in `app_dir` on a host of `HOSTS`, in a process of its own, until the context ends."""
    command = python_command(module, "--port", "0", "--app-dir", str(app_dir))
    with Child(module, command, env=os.environ | settings) as process:
        ready = process.wait_for_line(r"^ready (http://\S+)$", _START_SECONDS)
        yield RunningHost(url=ready[1].replace("localhost", "127.0.0.1"), process=process)
