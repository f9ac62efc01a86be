"""What was measured, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.accuracy.ours import Ours
from bench.accuracy.tally import Measured, Tally, tally

_HEADER = f"{'':44}{'calls':>7}{'countable':>11}{'exact':>8}{'':>8}{'within 2':>10}{'p95':>6}{'worst':>8}"


def result(ours: Ours, peers: Mapping[str, Sequence[Measured]]) -> dict[str, Any]:
    """Return what programs compare: prompt tokens a kind, completion tokens, and those of each peer."""
    return {
        **_by_kind(ours.prompts),
        "completion_tokens": _by_kind(ours.completions),
        "completion_tokens_beside_reasoning": _by_kind(ours.beside_reasoning),
        "prompt_shapes": _by_shape(ours.prompts),
        "completion_shapes": _by_shape(ours.completions),
        **({"peers": {name: _by_kind(measured) for name, measured in peers.items()}} if peers else {}),
    }


def lines(ours: Ours, peers: Mapping[str, Sequence[Measured]]) -> Iterator[str]:
    """Yield the tables: a kind, then its shapes."""
    yield from _table("Prompt tokens", ours.prompts)
    yield ""
    yield from _table("Completion tokens", ours.completions)
    yield ""
    yield from _table("Completion tokens that show, beside hidden reasoning", ours.beside_reasoning)
    for name, measured in peers.items():
        yield ""
        yield from _table(f"Prompt tokens by {name}", measured)


def _table(title: str, measured: Sequence[Measured]) -> Iterator[str]:
    yield title
    yield _HEADER
    for kind, rows in _grouped(measured, "kind").items():
        yield _line(kind, tally(rows))
        for shape, some in sorted(_grouped(rows, "shape").items()):
            yield _line(f"    {shape}", tally(some))


def _line(name: str, numbers: Tally) -> str:
    share = 100 * numbers.exact / numbers.countable if numbers.countable else 0.0
    return (
        f"{name:44}{numbers.rows:>7}{numbers.countable:>11}{numbers.exact:>8}{share:>7.1f}%"
        f"{numbers.within_2:>10}{numbers.p95:>6}{numbers.worst:>8}"
    )


def _by_kind(measured: Sequence[Measured]) -> dict[str, dict[str, int]]:
    return {kind: tally(rows).as_json() for kind, rows in _grouped(measured, "kind").items()}


def _by_shape(measured: Sequence[Measured]) -> dict[str, dict[str, dict[str, int]]]:
    return {
        kind: {shape: tally(some).as_json() for shape, some in _grouped(rows, "shape").items()}
        for kind, rows in _grouped(measured, "kind").items()
    }


def _grouped(measured: Sequence[Measured], by: str) -> dict[str, list[Measured]]:
    groups: dict[str, list[Measured]] = {}
    for row in measured:
        groups.setdefault(getattr(row, by), []).append(row)
    return groups
