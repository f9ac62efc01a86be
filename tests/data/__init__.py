"""Answers as Azure sends them; README.md says where each form was seen."""

from __future__ import annotations

from pathlib import Path


def recorded(name: str) -> bytes:
    """Return the bytes of one recorded answer."""
    return (Path(__file__).parent / name).read_bytes()
