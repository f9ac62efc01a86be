"""One fake per port. Each passes the contract tests of the real adapter."""

from __future__ import annotations
