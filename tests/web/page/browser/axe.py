"""axe-core: what is wrong with a page for who cannot see it well, or has no mouse."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
from playwright.sync_api import Page

_AXE = Path(__file__).parent / "axe" / "node_modules" / "axe-core" / "axe.min.js"
_RUN = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.flatMap(
    (each) => each.nodes.map((node) => `${each.id}: ${node.target} ${node.failureSummary}`))"""


def violations(page: Page) -> list[str]:
    """Return every violation on the page as it is now."""
    page.evaluate(_source())
    found: list[str] = page.evaluate(_RUN)
    return found


@functools.cache
def _source() -> str:
    if not _AXE.exists():
        pytest.skip("axe-core is not installed: run `make setup`")
    return f"{_AXE.read_text('utf-8')}; undefined"
