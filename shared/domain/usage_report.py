"""Who used what: usage folded into rows by the dimensions asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from shared.domain.duration_sketch import DurationSketch
from shared.domain.report_dimensions import (
    NO_FILTERS,
    Dimension,
    Filters,
    Key,
    hour_period,
    key_columns,
    key_of,
    label_columns,
)
from shared.domain.report_order import Cursor, Sort, SortValue, ranked, rows_after, sort_value
from shared.domain.rollup import Cell as RollupCell
from shared.domain.rollup import Rollup, naming_rank
from shared.domain.usage_part import UsagePart
from shared.domain.usage_span import UsageSpan
from shared.domain.usage_totals import TOTAL_COLUMNS, UsageTotals

# Whose tokens filled a provisioned deployment can be said where a report tells both.
_SHARE_DIMENSIONS = {Dimension.PRINCIPAL, Dimension.DEPLOYMENT}
SHARE_COLUMN = "deployment_share"
_SHARE_PLACES = Decimal("0.000001")

_PERCENTS = (50, 95, 99)
PERCENTILE_COLUMNS = tuple(f"{what}_p{percent}_ms" for what in ("latency", "first_chunk") for percent in _PERCENTS)
# Of the time before, what people compare.
_COMPARED = ("calls", "total_tokens", "cost_usd")
PREVIOUS_COLUMNS = tuple(f"previous_{name}" for name in _COMPARED)


Cell = str | int | Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportShape:
    """What a report is to tell, whatever was used."""

    by: tuple[Dimension, ...]
    filters: Filters = NO_FILTERS
    percentiles: bool = False
    compared: bool = False

    @property
    def has_shares(self) -> bool:
        """Whether it says who filled a provisioned deployment."""
        return set(self.by) >= _SHARE_DIMENSIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """Which rows are told, and in which order. `top` is the first so many, and all others in one."""

    limit: int
    after: Cursor | None = None
    sort: Sort | None = None
    top: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRow:
    """
    One row: its key, the labels that go with it, and its sums.

    `deployment_share` is the row's part, from 0 to 1, of the tokens of its provisioned deployment in the
    time of the report, to six places; None where the deployment is not provisioned, or others' tokens are not known.
    """

    key: Key
    labels: tuple[str, ...]
    totals: UsageTotals
    deployment_share: Decimal | None = None
    percentiles: tuple[int | None, ...] = ()
    previous: UsageTotals = field(default_factory=UsageTotals)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageReport:
    """A page of rows, and the totals of all of them; `others` are those of the rows that `top` left out."""

    span: UsageSpan
    shape: ReportShape
    rows: tuple[ReportRow, ...]
    totals: UsageTotals
    previous: UsageTotals
    others: ReportRow | None = None
    next_cursor: Cursor | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of a row's cells: key, labels, totals, and what else was asked for."""
        shape = self.shape
        return (
            *key_columns(shape.by),
            *label_columns(shape.by),
            *TOTAL_COLUMNS,
            *((SHARE_COLUMN,) if shape.has_shares else ()),
            *(PERCENTILE_COLUMNS if shape.percentiles else ()),
            *(PREVIOUS_COLUMNS if shape.compared else ()),
        )

    def cells(self, row: ReportRow) -> tuple[Cell, ...]:
        """Return a row's cells, in the order of `columns`."""
        shape = self.shape
        return (
            *row.key,
            *row.labels,
            *(getattr(row.totals, name) for name in TOTAL_COLUMNS),
            *((row.deployment_share,) if shape.has_shares else ()),
            *row.percentiles,
            *(_compared(row.previous) if shape.compared else ()),
        )

    def sums(self, totals: UsageTotals, previous: UsageTotals) -> dict[str, Cell]:
        """Return sums by their columns, beside those of the time before where the report compares."""
        sums = {name: getattr(totals, name) for name in TOTAL_COLUMNS}
        return sums | (dict(zip(PREVIOUS_COLUMNS, _compared(previous), strict=True)) if self.shape.compared else {})


def _compared(previous: UsageTotals) -> tuple[Cell, ...]:
    return tuple(getattr(previous, name) for name in _COMPARED)


def sortable_columns(by: tuple[Dimension, ...]) -> tuple[str, ...]:
    """Return the columns that rows can be sorted by."""
    return (*key_columns(by), *TOTAL_COLUMNS)


@dataclass(slots=True)
class _Sums:
    """What is known of a row while usage is folded."""

    totals: UsageTotals = field(default_factory=UsageTotals)
    named_by: tuple[bool, str] = (False, "")
    labels: tuple[str, ...] = ()
    latency: DurationSketch = field(default_factory=DurationSketch)
    first_chunk: DurationSketch = field(default_factory=DurationSketch)

    def percentiles(self) -> tuple[int | None, ...]:
        return tuple(sketch.percentile(percent) for sketch in (self.latency, self.first_chunk) for percent in _PERCENTS)


class UsageFold:
    """Folds parts, in any order, into the rows of a report."""

    def __init__(self, shape: ReportShape) -> None:
        self.shape = shape
        self._rows: dict[Key, _Sums] = {}
        self._has_labels = bool(label_columns(shape.by))
        # Of all calls, those that are filtered out too: a share is of what the deployment served.
        self._provisioned_tokens: Counter[str] = Counter()

    def add(self, part: UsagePart) -> None:
        """Add a part."""
        shape = self.shape
        is_filtered = shape.filters != NO_FILTERS
        for key, cell in part.rollup.cells.items():
            if cell.totals.provisioned_tokens:
                self._provisioned_tokens[key.deployment] += cell.totals.provisioned_tokens
            if is_filtered and not shape.filters.admit(key):
                continue
            for period, totals in self._periods(part.period, cell):
                sums = self._sums(key_of(shape.by, part.owner, period, key), part.rollup)
                sums.totals.merge(totals)
                if shape.percentiles:
                    sums.latency.merge(cell.latency)
                    sums.first_chunk.merge(cell.first_chunk)

    @property
    def totals(self) -> UsageTotals:
        """The sums over all rows."""
        totals = UsageTotals()
        for sums in self._rows.values():
            totals.merge(sums.totals)
        return totals

    def report(
        self,
        span: UsageSpan,
        arrangement: Arrangement,
        *,
        previous: UsageFold | None = None,
        of_all_principals: bool = False,
    ) -> UsageReport:
        """Return the rows asked for. Only `of_all_principals` can it have shares."""
        before = previous or UsageFold(self.shape)
        pages = _Pages(fold=self, before=before, with_shares=of_all_principals and self.shape.has_shares)
        return pages.report(span, arrangement)

    @property
    def keys(self) -> set[Key]:
        """The rows that anything was used in."""
        return {key for key, sums in self._rows.items() if sums.totals.calls}

    def sums(self, key: Key) -> _Sums:
        """Return what is known of a row; nothing, where nothing was used."""
        return self._rows.get(key, _Sums())

    def share(self, key: Key) -> Decimal | None:
        """Return a row's part of its provisioned deployment."""
        deployment = key[key_columns(self.shape.by).index("deployment")]
        of_all = self._provisioned_tokens[deployment]
        used = self.sums(key).totals.provisioned_tokens
        return (Decimal(used) / of_all).quantize(_SHARE_PLACES) if of_all else None

    def _periods(self, period: str, cell: RollupCell) -> Iterator[tuple[str, UsageTotals]]:
        if Dimension.HOUR not in self.shape.by:
            yield period, cell.totals
            return
        for hour, totals in cell.hours.items():
            yield hour_period(period, hour), totals

    def _sums(self, key: Key, rollup: Rollup) -> _Sums:
        sums = self._rows.get(key)
        if sums is None:
            sums = self._rows[key] = _Sums()
        if self._has_labels:
            # The newest call names a principal: names change, ids do not. Of two as new the labels decide, so
            # that the order of adding does not.
            rank = naming_rank(rollup.principal_kind, rollup.named_by)
            named = (rank, (rollup.principal_name, rollup.principal_kind))
            sums.named_by, sums.labels = max(named, (sums.named_by, sums.labels))
        return sums


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pages:
    """The rows of a report, beside those of the time before."""

    fold: UsageFold
    before: UsageFold
    with_shares: bool

    def report(self, span: UsageSpan, arrangement: Arrangement) -> UsageReport:
        sort = arrangement.sort
        values = self._values(sort)
        keys = ranked(self.fold.keys | self.before.keys, sort, values)
        left = rows_after(keys, arrangement.after, sort, values)
        limit = arrangement.limit if arrangement.top is None else arrangement.top
        page, rest = left[:limit], left[limit:]
        is_paged = arrangement.top is None and bool(rest)
        return UsageReport(
            span=span,
            shape=self.fold.shape,
            rows=tuple(map(self._row, page)),
            totals=self.fold.totals,
            previous=self.before.totals,
            others=self._others(rest) if arrangement.top is not None and rest else None,
            next_cursor=Cursor(key=page[-1], value=values(page[-1]) if sort else None) if is_paged else None,
        )

    def _values(self, sort: Sort | None) -> Callable[[Key], SortValue]:
        columns = key_columns(self.fold.shape.by)

        def value_of(key: Key) -> SortValue:
            if sort is None:
                return ""
            if sort.column in columns:
                return key[columns.index(sort.column)]
            return sort_value(getattr(self.fold.sums(key).totals, sort.column))

        return value_of

    def _row(self, key: Key) -> ReportRow:
        now, before = self.fold.sums(key), self.before.sums(key)
        return ReportRow(
            key=key,
            labels=now.labels or before.labels,
            totals=now.totals,
            deployment_share=self.fold.share(key) if self.with_shares else None,
            percentiles=now.percentiles() if self.fold.shape.percentiles else (),
            previous=before.totals,
        )

    def _others(self, keys: list[Key]) -> ReportRow:
        totals, previous = UsageTotals(), UsageTotals()
        for key in keys:
            totals.merge(self.fold.sums(key).totals)
            previous.merge(self.before.sums(key).totals)
        return ReportRow(key=(), labels=(), totals=totals, previous=previous)
