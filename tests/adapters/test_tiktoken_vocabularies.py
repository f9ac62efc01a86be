from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from tiktoken_ext import openai_public  # type: ignore[import-untyped]

from shared.adapters.tiktoken_vocabularies import OFFICIAL, load_encoding
from shared.domain.errors import OurError
from shared.domain.model_family import Encoding


@pytest.mark.parametrize("encoding", Encoding)
def test_an_encoding_is_what_tiktoken_would_have_downloaded(
    encoding: Encoding, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hash, pattern and special tokens are copies; a release of tiktoken that changes them must show."""
    asked: list[str] = []

    def merges(url: str, expected_hash: str) -> dict[bytes, int]:
        asked.append(expected_hash)
        return {}

    monkeypatch.setattr(openai_public, "load_tiktoken_bpe", merges)
    official = getattr(openai_public, encoding)()

    assert asked == [OFFICIAL[encoding].sha256]
    assert official["pat_str"] == OFFICIAL[encoding].pattern
    assert official["special_tokens"] == OFFICIAL[encoding].special_tokens


def test_a_shipped_vocabulary_encodes_as_published() -> None:
    """The examples of OpenAI's cookbook, How_to_count_tokens_with_tiktoken."""
    assert load_encoding(Encoding.CL100K_BASE).encode("tiktoken is great!") == [83, 1609, 5963, 374, 2294, 0]
    assert load_encoding(Encoding.O200K_BASE).encode("tiktoken is great!") == [83, 8251, 2488, 382, 2212, 0]


def test_a_changed_vocabulary_is_refused(tmp_path: Path) -> None:
    """Counts by other merges would look as good as true ones."""
    (tmp_path / "o200k_base.tiktoken.gz").write_bytes(gzip.compress(b"IQ== 0\n"))

    with pytest.raises(OurError, match="not the official one"):
        load_encoding(Encoding.O200K_BASE, tmp_path)


@pytest.mark.parametrize("content", [None, b"", b"no gzip", gzip.compress(b"IQ== 0\n")[:-9]])
def test_a_vocabulary_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    """A package built without its data must say so, not fail somewhere in gzip."""
    if content is not None:
        (tmp_path / "o200k_base.tiktoken.gz").write_bytes(content)

    with pytest.raises(OurError, match=r"vocabulary o200k_base\.tiktoken\.gz"):
        load_encoding(Encoding.O200K_BASE, tmp_path)
