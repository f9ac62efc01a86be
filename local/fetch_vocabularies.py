"""Fetches the vocabularies that ship in shared/adapters/vocabularies: `python -m local.fetch_vocabularies`."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from shared.adapters.tiktoken_vocabularies import OFFICIAL, VOCABULARIES
from shared.domain.model_family import Encoding

# tiktoken's own wheel holds no vocabulary; this one holds copies of the official files.
_PACKAGE = "bpe-openai==0.1.4"


def main() -> None:
    """Replace the vocabularies by fresh copies from PyPI, checked against their official hashes."""
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(_download(Path(folder))) as wheel:
        for encoding in Encoding:
            name = f"{encoding}.tiktoken.gz"
            (VOCABULARIES / name).write_bytes(_checked(encoding, wheel.read(f"bpe_openai/data/{name}")))
            print(f"{name}: the official merges, SHA-256 {OFFICIAL[encoding].sha256}")


def _download(folder: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    subprocess.run([*pip, "--dest", str(folder), _PACKAGE], check=True)
    return next(folder.glob("*.whl"))


def _checked(encoding: Encoding, packed: bytes) -> bytes:
    """Return the file, packed anew without a time stamp, so that every fetch gives the same bytes."""
    merges = gzip.decompress(packed)
    if hashlib.sha256(merges).hexdigest() != OFFICIAL[encoding].sha256:
        raise SystemExit(f"{_PACKAGE} holds another {encoding} than OpenAI published; nothing was replaced")
    return gzip.compress(merges, compresslevel=9, mtime=0)


if __name__ == "__main__":
    main()
