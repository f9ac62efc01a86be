"""Where our counts and Azure's part: by model and shape of the request."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shared.domain.usage_record import UsageRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftRow:
    """
    Calls of one model and shape whose reported count was counted again.

    Errors are ours less Azure's, in tokens. `exact` counts calls without one; `prompt_bias` and
    `completion_bias` are their sums in parts of Azure's counts: what the bill would be off by.
    """

    model: str
    shape: str
    calls: int
    prompt_exact: int
    prompt_p95_error: int
    prompt_bias: float
    completion_calls: int
    completion_exact: int
    completion_p95_error: int
    completion_bias: float


@dataclass(slots=True)
class _Errors:
    """Errors of one count, call by call."""

    ours_less_azures: list[int]
    azures: int = 0

    def add(self, ours: int, azures: int) -> None:
        self.ours_less_azures.append(ours - azures)
        self.azures += azures

    @property
    def exact(self) -> int:
        return sum(error == 0 for error in self.ours_less_azures)

    @property
    def p95(self) -> int:
        """The least error, in size, that 95 of 100 calls do not exceed."""
        sizes = sorted(map(abs, self.ours_less_azures))
        return sizes[-(-95 * len(sizes) // 100) - 1] if sizes else 0

    @property
    def bias(self) -> float:
        return round(sum(self.ours_less_azures) / self.azures, 4) if self.azures else 0.0


class DriftFold:
    """Folds the audited ones among records, in any order."""

    def __init__(self) -> None:
        self._prompts: defaultdict[tuple[str, str], _Errors] = defaultdict(lambda: _Errors([]))
        self._completions: defaultdict[tuple[str, str], _Errors] = defaultdict(lambda: _Errors([]))

    def add(self, records: Iterable[UsageRecord]) -> None:
        """Add records; those that were not counted again are passed over."""
        for record in records:
            audit, usage = record.audit, record.usage
            if audit is None:
                continue
            key = (record.model or "", audit.shape)
            if audit.prompt_tokens is not None and usage.prompt_tokens is not None:
                self._prompts[key].add(audit.prompt_tokens, usage.prompt_tokens)
            if audit.completion_tokens is not None and usage.completion_tokens is not None:
                self._completions[key].add(audit.completion_tokens, usage.completion_tokens)

    def rows(self) -> Sequence[DriftRow]:
        """Return a row for each model and shape."""
        return [self._row(key) for key in sorted(self._prompts.keys() | self._completions.keys())]

    def _row(self, key: tuple[str, str]) -> DriftRow:
        prompts, completions = self._prompts[key], self._completions[key]
        return DriftRow(
            model=key[0],
            shape=key[1],
            calls=len(prompts.ours_less_azures),
            prompt_exact=prompts.exact,
            prompt_p95_error=prompts.p95,
            prompt_bias=prompts.bias,
            completion_calls=len(completions.ours_less_azures),
            completion_exact=completions.exact,
            completion_p95_error=completions.p95,
            completion_bias=completions.bias,
        )
