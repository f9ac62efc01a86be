"""Children: what they print, and how they end."""

from __future__ import annotations

import os
import signal
import sys
import time

import pytest

from local.child import Child
from local.errors import ChildFailed


def test_a_line_is_found_whether_it_came_before_or_comes_after_we_look() -> None:
    """A part may be ready before anybody asks."""
    with Child("child", _python("print('port 1', flush=True); input(); print('port 2')")) as child:
        first = child.wait_for_line(r"port (\d)", 20)
        again = child.wait_for_line(r"port (\d)", 20)

    assert first[1] == again[1] == "1"


def test_a_child_that_ends_or_is_late_is_reported_with_its_last_lines() -> None:
    """Its last words say why."""
    with Child("the part", _python("print('no room'); raise SystemExit(3)")) as child:
        ended = _failure(child, 20)
    with Child("the part", _python("input()")) as child:
        late = _failure(child, 0.1)

    assert ended == "the part ended with 3. Its last lines:\nno room"
    assert late == "the part was not ready within 0.1 s. Its last lines:\n(it printed nothing)"


def test_a_child_that_will_not_end_is_killed_and_its_children_too() -> None:
    """A process group goes together."""
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('set', flush=True); input()"
    with Child("child", _python(stubborn), grace=0.2) as child:
        child.wait_for_line("set", 20)
        begun = time.monotonic()
        code = child.stop()

    assert code == -signal.SIGKILL
    assert time.monotonic() - begun < 10
    with pytest.raises(ProcessLookupError):
        os.killpg(child.pid, 0)


def test_an_end_is_noticed_and_told() -> None:
    """Whoever watches children learns which one died."""
    with Child("child", _python("raise SystemExit(0)")) as child:
        code = child.wait(20)
        with pytest.raises(ChildFailed, match="child ended with 0"):
            child.check()

    assert code == 0


def _failure(child: Child, seconds: float) -> str:
    with pytest.raises(ChildFailed) as raised:
        child.wait_for_line("ready", seconds)
    return str(raised.value)


def _python(source: str) -> list[str]:
    return [sys.executable, "-c", source]
