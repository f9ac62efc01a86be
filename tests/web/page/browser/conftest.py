"""One browser for all tests here, and a stub for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.web.page.browser.serving import serving
from tests.web.page.browser.stub import FINOPS_KEY, Stub
from tests.web.page.browser.window import Window, chromium, running_browser, window

Opener = Callable[..., Window]


# Of this package alone: while it runs, its driver's event loop is in the way of tests that have their own.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Run Chromium."""
    executable = chromium()
    if executable is None:
        pytest.skip("there is no Chromium: install it, or let CHROMIUM say where it is")
    with running_browser(executable) as browser:
        yield browser


@pytest.fixture
def stub() -> Stub:
    """Return what the page will be told."""
    return Stub()


@pytest.fixture
def opened(browser: Browser, stub: Stub) -> Iterator[Opener]:
    """Return what opens a window at an address; at the end nothing must have gone wrong in any."""
    with ExitStack() as stack:
        url = stack.enter_context(serving(stub.app()))
        windows: list[Window] = []

        def open_window(query: str = "", *, key: str | None = FINOPS_KEY, **options: Any) -> Window:
            windows.append(stack.enter_context(window(browser, url, key=key, **options)))
            return windows[-1].open(query)

        yield open_window

        assert [fault for each in windows for fault in each.faults] == []
