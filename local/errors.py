"""What keeps the workbench from working. `make run` prints the message and ends."""

from __future__ import annotations


class WorkbenchError(Exception):
    """The root."""


class NotInstalled(WorkbenchError):
    """Something `make setup` installs is missing; the message says what."""


class ChildFailed(WorkbenchError):
    """A child ended, or was not ready in time; the message shows its last lines."""
