"""A real browser: Debian's Chromium, without a window."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Playwright, Request, expect, sync_playwright

from tests.web.page.browser.sample import NOW

# It must ask nobody for anything: neither its maker nor another host.
_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Once a window: who signs out stays out, whatever is loaded next.
_SIGNED_IN = """
if (!sessionStorage.getItem("test.opened")) sessionStorage.setItem("aoai-ledger.credential", %s);
sessionStorage.setItem("test.opened", "yes");
"""
PHONE, DESKTOP = (390, 844), (1440, 900)


def chromium() -> str | None:
    """Return where Chromium is, None where this machine has none."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def running_browser(executable: str) -> Iterator[Browser]:
    """Run it until the context ends."""
    with sync_playwright() as playwright:
        browser = _launch(playwright, executable)
        try:
            yield browser
        finally:
            browser.close()


def _launch(playwright: Playwright, executable: str) -> Browser:
    return playwright.chromium.launch(executable_path=executable, args=_ARGUMENTS)


@dataclass(slots=True)
class Window:
    """A page, and all that went wrong on it: `faults` must stay empty."""

    page: Page
    url: str
    faults: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Note errors of the console, violations of the content policy, and requests to another host."""
        # `error` is also what Chromium calls an answer that says 401; what the page makes of it is tested for itself.
        self.page.on("console", lambda it: self._note(it.text) if it.type in {"error", "warning"} else None)
        self.page.on("pageerror", lambda error: self._note(str(error)))
        self.page.on("request", lambda request: self._seen(request))

    def open(self, query: str = "") -> Window:
        """Open the page at this address, and wait until it shows what it asked for."""
        self.page.goto(f"{self.url}/usage/page{query}")
        return self.settle()

    def go(self, query: str) -> Window:
        """Go on to this address as a link of the page would."""
        self.page.evaluate(
            "(to) => (history.pushState(null, '', to), dispatchEvent(new CustomEvent('asked')), 0)", query or "?"
        )
        return self.settle()

    def settle(self) -> Window:
        """Wait until nothing is grey any more."""
        self.page.wait_for_selector("h1", timeout=5000)
        expect(self.page.locator(".skeleton")).to_have_count(0)
        return self

    def text(self) -> str:
        """Return what the page says."""
        return self.page.inner_text("main")

    def _note(self, text: str) -> None:
        if "Failed to load resource" not in text:
            self.faults.append(text)

    def _seen(self, request: Request) -> None:
        if not request.url.startswith(("data:", "blob:")) and urlsplit(request.url).netloc != urlsplit(self.url).netloc:
            self.faults.append(f"asked {request.url}")


@contextmanager
def window(
    browser: Browser,
    url: str,
    *,
    key: str | None,
    size: tuple[int, int] = DESKTOP,
    theme: str = "light",
    **options: Any,
) -> Iterator[Window]:
    """Open a window of its own, signed in with the key, at the time of the sample."""
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
        locale="en-GB",
        timezone_id="America/New_York",
        **options,
    )
    try:
        context.clock.set_fixed_time(NOW)
        if key:
            context.add_init_script(_SIGNED_IN % json.dumps(key))
        opened = Window(page=context.new_page(), url=url)
        opened.watch()
        yield opened
    finally:
        context.close()
