"""Who used what: usage records folded into rows by the dimensions asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum

from shared.domain.usage_record import Outcome, UsageRecord, UsageSource


class Dimension(StrEnum):
    """What a report can be broken down by."""

    PRINCIPAL = "principal"
    DEPLOYMENT = "deployment"
    MODEL = "model"
    OPERATION = "operation"
    DAY = "day"


@dataclass(slots=True, kw_only=True)
class UsageTotals:
    """
    Sums over records. Tokens count what is known; `calls_uncounted` says of how many calls it is not.

    Cached and reasoning tokens are parts of prompt and completion tokens.
    """

    calls: int = 0
    calls_failed: int = 0
    calls_estimated: int = 0
    calls_uncounted: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    total_tokens: int = 0

    def add(self, record: UsageRecord) -> None:
        """Add one record."""
        usage = record.usage
        self.calls += 1
        self.calls_failed += record.outcome is not Outcome.COMPLETED
        self.calls_estimated += usage.source in {UsageSource.ESTIMATED, UsageSource.PARTIAL}
        self.calls_uncounted += usage.source is UsageSource.UNAVAILABLE
        self.prompt_tokens += usage.prompt_tokens or 0
        self.completion_tokens += usage.completion_tokens or 0
        self.cached_tokens += usage.cached_tokens or 0
        self.reasoning_tokens += usage.reasoning_tokens or 0
        self.total_tokens += usage.total_tokens or 0


TOTAL_COLUMNS = tuple(field.name for field in fields(UsageTotals))

# What a dimension shows. A principal is (tenant, object id); the rest is for people to read.
_KEY_COLUMNS = {
    Dimension.PRINCIPAL: ("tenant_id", "object_id"),
    Dimension.DEPLOYMENT: ("deployment",),
    Dimension.MODEL: ("model",),
    Dimension.OPERATION: ("operation",),
    Dimension.DAY: ("day",),
}
_LABEL_COLUMNS = {Dimension.PRINCIPAL: ("principal_name", "principal_kind")}

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRow:
    """One row: its key, the labels that go with it, and its sums."""

    key: Key
    labels: tuple[str, ...]
    totals: UsageTotals


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageReport:
    """A page of rows in the order of their keys, and the totals of all of them."""

    begun_from: datetime
    begun_before: datetime
    by: tuple[Dimension, ...]
    rows: tuple[ReportRow, ...]
    totals: UsageTotals
    next_key: Key | None

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of a row's cells: key, labels, totals."""
        return (*key_columns(self.by), *_label_columns(self.by), *TOTAL_COLUMNS)

    def cells(self, row: ReportRow) -> tuple[str | int, ...]:
        """Return a row's cells, in the order of `columns`."""
        return (*row.key, *row.labels, *(getattr(row.totals, name) for name in TOTAL_COLUMNS))


def key_columns(by: tuple[Dimension, ...]) -> tuple[str, ...]:
    """Return the columns that together name a row."""
    return tuple(column for dimension in by for column in _KEY_COLUMNS[dimension])


class UsageFold:
    """Folds records, in any order, into the rows of a report."""

    def __init__(self, by: tuple[Dimension, ...]) -> None:
        self._by = by
        self._rows: dict[Key, UsageTotals] = {}
        self._labels: dict[Key, tuple[datetime, tuple[str, ...]]] = {}
        self._totals = UsageTotals()

    def add(self, records: Iterable[UsageRecord]) -> None:
        """Add records."""
        for record in records:
            key = tuple(_key(self._by, record))
            self._rows.setdefault(key, UsageTotals()).add(record)
            self._totals.add(record)
            self._label(key, record)

    def report(
        self, *, begun_from: datetime, begun_before: datetime, limit: int, after: Key | None = None
    ) -> UsageReport:
        """Return at most `limit` rows whose keys come after `after`."""
        keys = sorted(key for key in self._rows if after is None or key > after)
        page = keys[:limit]
        return UsageReport(
            begun_from=begun_from,
            begun_before=begun_before,
            by=self._by,
            rows=tuple(ReportRow(key=k, labels=self._labels[k][1], totals=self._rows[k]) for k in page),
            totals=self._totals,
            next_key=page[-1] if len(keys) > limit else None,
        )

    def _label(self, key: Key, record: UsageRecord) -> None:
        # The newest record names a principal: names change, ids do not.
        # Of two as new the labels decide, so that the order of adding does not.
        dated = (record.call.begun_at, tuple(_labels(self._by, record)))
        self._labels[key] = max(dated, self._labels.get(key, dated))


def _key(by: tuple[Dimension, ...], record: UsageRecord) -> Iterator[str]:
    call = record.call
    for dimension in by:
        match dimension:
            case Dimension.PRINCIPAL:
                yield call.principal.tenant_id
                yield call.principal.object_id
            case Dimension.DEPLOYMENT:
                yield call.deployment or ""
            case Dimension.MODEL:
                yield record.model or ""
            case Dimension.OPERATION:
                yield call.operation
            case Dimension.DAY:
                yield call.begun_at.date().isoformat()


def _labels(by: tuple[Dimension, ...], record: UsageRecord) -> Iterator[str]:
    if Dimension.PRINCIPAL in by:
        yield record.call.principal.name or ""
        yield record.call.principal.kind


def _label_columns(by: tuple[Dimension, ...]) -> tuple[str, ...]:
    return tuple(column for dimension in by for column in _LABEL_COLUMNS.get(dimension, ()))
