from __future__ import annotations

import gzip

import pytest

from local.fetch_vocabularies import _checked
from shared.adapters.tiktoken_vocabularies import VOCABULARIES
from shared.domain.model_family import Encoding


@pytest.mark.parametrize("encoding", Encoding)
def test_a_fetch_reproduces_the_shipped_merges(encoding: Encoding) -> None:
    """Whoever doubts the file can make it again: however it was packed, the merges come out alike."""
    merges = gzip.decompress((VOCABULARIES / f"{encoding}.tiktoken.gz").read_bytes())

    assert gzip.decompress(_checked(encoding, gzip.compress(merges, compresslevel=1))) == merges


def test_other_merges_are_not_taken() -> None:
    """The package they come from is a stranger's."""
    with pytest.raises(SystemExit, match="nothing was replaced"):
        _checked(Encoding.O200K_BASE, gzip.compress(b"IQ== 0\n"))
