"""The operations guide: every event we log is explained there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
EVENT = re.compile(r'logger\.(warning|error|critical|exception)\(\s*"([a-z_.]+)"')


def test_every_log_event_is_explained_with_its_level() -> None:
    """Whoever is woken by one looks here first."""
    logged = {
        event: "error" if level == "exception" else level
        for path in (ROOT / "shared").rglob("*.py")
        for level, event in EVENT.findall(path.read_text())
    }
    page = (ROOT / "docs" / "operations.md").read_text()

    assert dict(re.findall(r"^\| `([a-z_.]+)` \| (\w+) \|", page, re.MULTILINE)) == logged
