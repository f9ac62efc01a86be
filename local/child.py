"""A process we start: its lines as they come, and its end by its id."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from local.errors import ChildFailed

_KEPT_LINES = 200


def python_command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module of ours as a child that does not outlive us."""
    return [sys.executable, "-m", "local.end_with_parent", module, *arguments]


class Child:
    """
    A child process in a session of its own, so that Ctrl-C reaches us and not it.

    It ends when its context does: SIGTERM to its process group, SIGKILL once `grace` seconds are over.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        grace: float = 15.0,
        on_line: Callable[[str], None] | None = None,
    ) -> None:
        self.name = name
        self._grace = grace
        self._on_line = on_line
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._changed = threading.Condition(threading.RLock())
        self._output_ended = False
        self._process = subprocess.Popen(
            argv,
            env=env,
            cwd=cwd,
            # A pipe nobody writes to: its end is how a child can see that we are gone.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name=f"{name} output", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The id of the process, and of its process group."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """What the process ended with; None while it runs."""
        return self._process.poll()

    def last_lines(self, count: int = 20) -> str:
        """Return the end of what the process printed, of up to 200 lines."""
        with self._changed:
            return "\n".join(list(self._lines)[-count:])

    def wait_for_line(self, pattern: str, seconds: float) -> re.Match[str]:
        """
        Return the match of the first line kept that holds `pattern`.

        Raises:
            ChildFailed: the process ended first, or the time is over.
        """
        deadline = time.monotonic() + seconds
        with self._changed:
            while (match := self._find(pattern)) is None:
                if self._output_ended:
                    raise ChildFailed(self._report(f"ended with {self._process.wait()}"))
                if not self._changed.wait(deadline - time.monotonic()):
                    raise ChildFailed(self._report(f"was not ready within {seconds:g} s"))
            return match

    def check(self) -> None:
        """Raise ChildFailed if the process has ended."""
        code = self._process.poll()
        if code is not None:
            raise ChildFailed(self._report(f"ended with {code}"))

    def wait(self, seconds: float) -> int:
        """
        Return the exit code once the process has ended by itself.

        Raises:
            ChildFailed: the time is over.
        """
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise ChildFailed(self._report(f"did not end within {seconds:g} s")) from error

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End the process, if it still runs, and return its exit code."""
        if self._process.poll() is None:
            self._signal(number)
        try:
            code = self._process.wait(self._grace)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            code = self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _read(self) -> None:
        if self._process.stdout is None:
            raise AssertionError("stdout is a pipe")
        for line in self._process.stdout:
            with self._changed:
                self._lines.append(line.rstrip("\n"))
                self._changed.notify_all()
            if self._on_line is not None:
                self._on_line(line.rstrip("\n"))
        with self._changed:
            self._output_ended = True
            self._changed.notify_all()

    def _find(self, pattern: str) -> re.Match[str] | None:
        return next((match for line in self._lines if (match := re.search(pattern, line))), None)

    def _report(self, what: str) -> str:
        return f"{self.name} {what}. Its last lines:\n{self.last_lines() or '(it printed nothing)'}"

    def _signal(self, number: signal.Signals) -> None:
        # The leader is not reaped yet, so the group still bears its id.
        os.killpg(self._process.pid, number)
