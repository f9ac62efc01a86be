"""Our counts of a corpus."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bench.accuracy.recording import KINDS, billed_prompt, billed_visible_completion, countable_call
from bench.accuracy.tally import Measured
from local.simulated_azure_openai.replay import Record
from shared.adapters.tiktoken_counter import count_tokens
from shared.adapters.tiktoken_vocabularies import load_encoding
from shared.domain.counting.count import Count, Uncounted
from shared.domain.counting.rules import Rules
from shared.domain.model_encoding import model_encoding
from shared.domain.operation import Metered
from shared.domain.token_counting import CountableCall, count_answer, count_prompt


@dataclass(frozen=True, slots=True)
class Ours:
    """
    What we counted, call by call.

    `beside_reasoning` holds what shows of answers whose reasoning does not, against their bill
    without the reasoning that it names. It names some of it in steps of 64 tokens.
    """

    prompts: Sequence[Measured]
    completions: Sequence[Measured]
    beside_reasoning: Sequence[Measured]


def measure(records: Iterable[Record]) -> Ours:
    """Count every call that has a bill and whose bill is not suspect."""
    prompts: list[Measured] = []
    completions: list[Measured] = []
    beside_reasoning: list[Measured] = []
    for record in records:
        if record.kind not in KINDS or record.suspect or not record.usage:
            continue
        call = countable_call(record)
        prompts += _prompt(record, call)
        counted = count_answer(call, record.request, _rules(call))
        if Uncounted.REASONING in counted.uncounted:
            beside_reasoning += _completion(record, call, Count(counted.tokens, counted.uncounted - _REASONING))
        else:
            completions += _completion(record, call, counted)
    return Ours(prompts, completions, beside_reasoning)


def _prompt(record: Record, call: CountableCall) -> Iterator[Measured]:
    billed = billed_prompt(record)
    if billed is not None:
        counted = count_prompt(record.request, _rules(call), compacts=call.compacts)
        yield _measured(record, shape_of(record), billed, counted)


def _completion(record: Record, call: CountableCall, counted: Count) -> Iterator[Measured]:
    billed = billed_visible_completion(record)
    if billed is not None and call.metered is not Metered.EMBEDDINGS:
        yield _measured(record, _answer_shape(call), billed, counted)


def _measured(record: Record, shape: str, billed: int, count: Count) -> Measured:
    return Measured(
        kind=record.kind,
        shape=shape,
        source=record.source,
        call_id=record.id,
        billed=billed,
        counted=None if count.uncounted else count.tokens,
        at_least=count.tokens if count.uncounted else None,
    )


def _rules(call: CountableCall) -> Rules:
    encoding = model_encoding(call.model, call.metered)
    return call.rules(encoding, functools.partial(count_tokens, _loaded(encoding.encoding)))


_REASONING = frozenset({Uncounted.REASONING})

_loaded = functools.cache(load_encoding)


# A request has several of these; it counts among the first.
_SHAPES = {
    "files": {"file", "input_file"},
    "built-in tools": {"websearch"},
    "server state": {"prev", "prompt", "conversation"},
    "audio": {"audio", "audio_out", "audio_ref"},
    "images": {"image", "input_image"},
    "json_schema": {"rf:json_schema"},
    "reasoning items": {"reasoning"},
    "tool turns": {"asst_tc", "asst_fc", "toolmsg", "fnmsg", "function_call", "function_call_output"},
    "tool definitions": {"tools", "functions", "tool:function"},
}


def shape_of(record: Record) -> str:
    """Return the shape of a request that decides how hard it is to count."""
    shape = set(record.shape)
    if any(part.startswith("tool:") and part != "tool:function" for part in shape):
        return "built-in tools"
    return next((name for name, parts in _SHAPES.items() if shape & parts), "plain")


def _answer_shape(call: CountableCall) -> str:
    calls = max((len(choice.tool_calls) for choice in call.answer.choices), default=0)
    what = "text" if calls == 0 else "tool call" if calls == 1 else "tool calls"
    if any(choice.refusal for choice in call.answer.choices):
        what = "refusal"
    return f"{what}, Azure" if call.on_azure else what
