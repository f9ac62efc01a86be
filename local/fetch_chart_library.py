"""Fetches the library that draws the page's charts: `python -m local.fetch_chart_library`."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from local.errors import NotInstalled
from shared.web.page.files import FOLDER

VENDORED = FOLDER / "vendor"
_PACKAGE = "uplot@1.6.32"
# Where each file stands in the package, and what it must be.
FILES = {
    "uplot.js": ("dist/uPlot.iife.min.js", "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f"),
    "uplot.css": ("dist/uPlot.min.css", "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04"),
    "LICENSE": ("LICENSE", "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd"),
}


def main() -> None:
    """Replace the vendored files by fresh copies from npm, checked against the hashes above."""
    with tempfile.TemporaryDirectory() as folder, tarfile.open(_download(Path(folder))) as package:
        contents = {name: checked(name, _read(package, FILES[name][0])) for name in FILES}
    for name, content in contents.items():
        (VENDORED / name).write_bytes(content)
        print(f"{name}: as in {_PACKAGE}, SHA-256 {FILES[name][1]}")


def checked(name: str, content: bytes) -> bytes:
    """Return the file as it is. Raises SystemExit where it is another."""
    if hashlib.sha256(content).hexdigest() != FILES[name][1]:
        raise SystemExit(f"{_PACKAGE} holds another {name} than was looked at; nothing was replaced")
    return content


def _download(folder: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise NotInstalled("npm is not on the PATH: it comes with Node.js")
    subprocess.run([npm, "pack", "--silent", "--pack-destination", str(folder), _PACKAGE], check=True)
    return next(folder.glob("*.tgz"))


def _read(package: tarfile.TarFile, path: str) -> bytes:
    member = package.extractfile(f"package/{path}")
    if member is None:
        raise SystemExit(f"{_PACKAGE} has no {path}; nothing was replaced")
    return member.read()


if __name__ == "__main__":
    main()
