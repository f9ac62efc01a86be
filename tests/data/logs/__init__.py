"""Lines of Azure's exports; README.md says where each form was seen."""

from __future__ import annotations

from pathlib import Path


def log_lines(name: str) -> list[bytes]:
    """Return the lines of one file."""
    return (Path(__file__).parent / name).read_bytes().splitlines()
