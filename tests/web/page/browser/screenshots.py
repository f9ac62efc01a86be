"""Takes the pictures in docs/, and says how soon the page is there: `python -m tests.web.page.browser.screenshots`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from playwright.sync_api import Browser

from tests.web.page.browser.serving import serving
from tests.web.page.browser.stub import FINOPS_KEY, Stub
from tests.web.page.browser.window import chromium, running_browser, window

_DOCS = Path(__file__).parents[4] / "docs"
_SIZE = (1280, 960)


def main() -> None:
    """Take them."""
    executable = chromium()
    if executable is None:
        sys.exit("there is no Chromium: install it, or let CHROMIUM say where it is")
    with serving(Stub().app()) as url, running_browser(executable) as browser:
        for theme in ("light", "dark"):
            _take(browser, url, theme)


def _take(browser: Browser, url: str, theme: str) -> None:
    path = _DOCS / f"page-{theme}.png"
    with window(browser, url, key=FINOPS_KEY, size=_SIZE, theme=theme) as opened:
        began = time.perf_counter()
        opened.page.goto(f"{url}/usage/page", wait_until="commit")
        opened.page.wait_for_selector("h1")
        head = time.perf_counter() - began
        opened.page.wait_for_selector(".plot canvas")
        opened.settle()
        whole = time.perf_counter() - began
        opened.page.screenshot(path=path)
    print(f"{path.name}: {path.stat().st_size // 1000} kB; head after {head:.2f} s, all reports after {whole:.2f} s")


if __name__ == "__main__":
    main()
