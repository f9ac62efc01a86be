"""The page's files, read once: each with its type, a hash of its content, and a compressed copy."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "assets"
DOCUMENT = "index.html"

# What a browser is told; `nosniff` makes it believe it. A file of another kind is not served.
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# In the document, these stand for what is known only when it is read.
_VERSION, _MODULES, _SIGN_IN = "{version}", "<!-- modules -->", "{sign-in}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFile:
    """A file as it is sent. `tag` is a hash of its content."""

    media_type: str
    content: bytes
    compressed: bytes
    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFiles:
    """
    The document, and the files that it asks for, by their path below `version`.

    `version` is a hash of them all. As it is part of their address, a browser may keep a file for ever,
    and a new release of the app is seen at once.
    """

    version: str
    document: PageFile
    files: Mapping[str, PageFile]


def read_page(*, easy_auth: bool, folder: Path = FOLDER) -> PageFiles:
    """Return the page; with `easy_auth` it offers the platform's own sign-in."""
    contents = dict(sorted(_contents(folder)))
    document = contents.pop(DOCUMENT).decode()
    version = _tag(b"".join(name.encode() + b"\0" + content for name, content in contents.items()))
    filled = (
        document.replace(_VERSION, version)
        .replace(_MODULES, "\n    ".join(_preloads(contents, version)))
        .replace(_SIGN_IN, "easy-auth" if easy_auth else "key")
    )
    return PageFiles(
        version=version,
        document=_page_file(DOCUMENT, filled.encode()),
        files={name: _page_file(name, content) for name, content in contents.items()},
    )


def _contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in folder.rglob("*"):
        if path.suffix in _TYPES:
            yield path.relative_to(folder).as_posix(), path.read_bytes()


def _preloads(contents: Mapping[str, bytes], version: str) -> Iterator[str]:
    """Yield a link for each module: without them a browser finds a module only when it has read who imports it."""
    for name in contents:
        if name.endswith(".js") and not name.startswith("vendor/"):
            yield f'<link rel="modulepreload" href="page/{version}/{name}">'


def _page_file(name: str, content: bytes) -> PageFile:
    return PageFile(
        media_type=_TYPES[Path(name).suffix],
        content=content,
        compressed=gzip.compress(content, mtime=0),
        tag=_tag(content),
    )


def _tag(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
