"""The vocabularies that ship with the package, made into tiktoken's encodings without its downloader."""

from __future__ import annotations

import base64
import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

import tiktoken

from shared.domain.errors import OurError
from shared.domain.model_family import Encoding

VOCABULARIES = Path(__file__).parent / "vocabularies"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """What tells an official encoding: the hash of its merges, how it cuts text, its special tokens."""

    sha256: str
    pattern: str
    special_tokens: dict[str, int]


# As in tiktoken 0.14.0, tiktoken_ext/openai_public.py.
OFFICIAL = {
    Encoding.CL100K_BASE: Vocabulary(
        sha256="223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        pattern=(
            r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
            r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
        ),
        special_tokens={
            "<|endoftext|>": 100257,
            "<|fim_prefix|>": 100258,
            "<|fim_middle|>": 100259,
            "<|fim_suffix|>": 100260,
            "<|endofprompt|>": 100276,
        },
    ),
    Encoding.O200K_BASE: Vocabulary(
        sha256="446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
        pattern=(
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
            r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
            r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
            r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
        ),
        special_tokens={"<|endoftext|>": 199999, "<|endofprompt|>": 200018},
    ),
}


def load_encoding(encoding: Encoding, folder: Path = VOCABULARIES) -> tiktoken.Encoding:
    """
    Return an encoding of tiktoken, read from its file. It takes 0.3 s and 80 MB.

    Raises:
        OurError: the file is missing, or not the official one.
    """
    vocabulary = OFFICIAL[encoding]
    return tiktoken.Encoding(
        name=str(encoding),
        pat_str=vocabulary.pattern,
        mergeable_ranks=_ranks(_read(folder / f"{encoding}.tiktoken.gz", vocabulary.sha256)),
        special_tokens=vocabulary.special_tokens,
    )


def _read(path: Path, sha256: str) -> bytes:
    try:
        merges = gzip.decompress(path.read_bytes())
    except (OSError, EOFError) as error:
        raise OurError(f"vocabulary {path.name} cannot be read") from error
    if hashlib.sha256(merges).hexdigest() != sha256:
        raise OurError(f"vocabulary {path.name} is not the official one: its SHA-256 differs")
    return merges


def _ranks(merges: bytes) -> dict[bytes, int]:
    """Return the rank of every token: a line is the token in Base64, a blank, and its rank."""
    lines = (line.split() for line in merges.splitlines())
    return {base64.b64decode(token): int(rank) for token, rank in lines}
