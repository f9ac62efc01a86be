"""Counts tokens with tiktoken."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from functools import partial

import tiktoken

from shared.adapters.tiktoken_vocabularies import load_encoding
from shared.domain.model_encoding import ModelEncoding, model_encoding
from shared.domain.model_family import Encoding
from shared.domain.token_counting import CountableCall, Counter, estimate_usage, recount_usage
from shared.domain.usage_record import CountAudit, TokenUsage

_VERSION = f"tiktoken {tiktoken.__version__}"

# Up to here counting takes 10 ms mostly and 50 ms at worst, and a thread would cost more than it gives.
_LONG_CHARACTERS = 100_000

# tiktoken 0.14 panics on 1,000,000 blanks in a row ("StackOverflow", of its regular expression;
# 800,000 are well), so a longer run is counted in parts, which may cost a token a part.
_RUN_CHARACTERS = 500_000
_BLANKS = re.compile(rf"\s{{1,{_RUN_CHARACTERS}}}+")


class TiktokenCounter:
    """The port TokenCounter. An encoding is loaded when it is first needed, and kept."""

    def __init__(self) -> None:
        self._encodings: dict[Encoding, tiktoken.Encoding] = {}
        # One: many would take every thread and core from the calls that are in flight.
        self._in_thread = asyncio.Semaphore(1)

    async def estimate(self, call: CountableCall) -> TokenUsage:
        """
        Return an estimate that carries its source and method. Never raises for odd input.

        Long texts are counted in a thread, one call at a time: 5 s at worst for a body that
        is still counted, and as much again for its answer.

        Raises:
            OurError: the vocabulary did not ship as it should.
        """
        encoding = model_encoding(call.model, call.metered)
        if encoding.encoding in self._encodings and not _takes_long(call):
            return estimate_usage(call, encoding, self._counter(encoding))
        async with self._in_thread:
            return await asyncio.to_thread(self._estimate, call, encoding)

    async def recount(self, call: CountableCall) -> CountAudit | None:
        """
        Return our count of a call that Azure has counted, None where no part of it can be counted whole.

        Always in a thread: nobody waits for it.

        Raises:
            OurError: the vocabulary did not ship as it should.
        """
        encoding = model_encoding(call.model, call.metered)
        async with self._in_thread:
            return await asyncio.to_thread(self._recount, call, encoding)

    def _estimate(self, call: CountableCall, encoding: ModelEncoding) -> TokenUsage:
        return estimate_usage(call, encoding, self._counter(encoding))

    def _recount(self, call: CountableCall, encoding: ModelEncoding) -> CountAudit | None:
        return recount_usage(call, encoding, self._counter(encoding))

    def _counter(self, encoding: ModelEncoding) -> Counter:
        loaded = self._encodings.get(encoding.encoding)
        if loaded is None:
            loaded = self._encodings[encoding.encoding] = load_encoding(encoding.encoding)
        return Counter(count=partial(count_tokens, loaded), version=_VERSION)


def _takes_long(call: CountableCall) -> bool:
    body = call.request_body or b""
    # A schema of some hundred bytes may refer to itself until it is megabytes.
    return len(body) + call.answer.length > _LONG_CHARACTERS or b'"$ref"' in body


def count_tokens(encoding: tiktoken.Encoding, text: str) -> int:
    """Return how many tokens a text is. What looks like a special token in it is text."""
    if not text:
        return 0
    if not _has_long_run(text):
        return len(encoding.encode_ordinary(text))
    return sum(len(encoding.encode_ordinary(part)) for part in _parts(text))


def _has_long_run(text: str) -> bool:
    # A run too long holds at least one whole block of half its length. To look at every blank would
    # cost half as much again as to count.
    block = _RUN_CHARACTERS // 2
    return any(text[at : at + block].isspace() for at in range(0, len(text) - block + 1, block))


def _parts(text: str) -> Iterator[str]:
    """Yield the text in parts that tiktoken can take: cut after every _RUN_CHARACTERS blanks in a row."""
    start = 0
    for blanks in _BLANKS.finditer(text):
        if len(blanks.group()) == _RUN_CHARACTERS:
            yield text[start : blanks.end()]
            start = blanks.end()
    yield text[start:]
