"""Who used what: usage records folded into rows by the dimensions asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from shared.domain.pricing import add_usd
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

    Cached and reasoning tokens are parts of prompt and completion tokens. `cost_usd` sums, exactly, what is
    known, and is None where nothing is; `calls_unpriced` says of how many calls that use tokens it is not.
    Tokens of provisioned deployments, which have no price, are summed for themselves too.
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
    cost_usd: Decimal | None = None
    calls_unpriced: int = 0
    provisioned_tokens: int = 0

    def add(self, record: UsageRecord) -> None:
        """Add one record."""
        usage, charge = record.usage, record.charge
        self.calls += 1
        self.calls_failed += record.outcome is not Outcome.COMPLETED
        self.calls_estimated += usage.source in {UsageSource.ESTIMATED, UsageSource.PARTIAL}
        self.calls_uncounted += usage.source is UsageSource.UNAVAILABLE
        self.prompt_tokens += usage.prompt_tokens or 0
        self.completion_tokens += usage.completion_tokens or 0
        self.cached_tokens += usage.cached_tokens or 0
        self.reasoning_tokens += usage.reasoning_tokens or 0
        self.total_tokens += usage.total_tokens or 0
        self.cost_usd = add_usd(self.cost_usd, charge.cost_usd)
        self.calls_unpriced += _is_unpriced(record)
        self.provisioned_tokens += _provisioned_tokens(record)


def _is_unpriced(record: UsageRecord) -> bool:
    """Return whether a call costs something and nobody knows how much."""
    charge = record.charge
    is_free = record.usage.source is UsageSource.NOT_APPLICABLE
    return charge.cost_usd is None and not charge.provisioned and not is_free


def _provisioned_tokens(record: UsageRecord) -> int:
    return (record.usage.total_tokens or 0) if record.charge.provisioned else 0


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
# Whose tokens filled a provisioned deployment can be said where a report tells both.
_SHARE_DIMENSIONS = {Dimension.PRINCIPAL, Dimension.DEPLOYMENT}
SHARE_COLUMN = "deployment_share"
_SHARE_PLACES = Decimal("0.000001")

Key = tuple[str, ...]


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


Cell = str | int | Decimal | None


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
        """The names of a row's cells: key, labels, totals, and the share where the report has it."""
        share = (SHARE_COLUMN,) if has_shares(self.by) else ()
        return (*key_columns(self.by), *_label_columns(self.by), *TOTAL_COLUMNS, *share)

    def cells(self, row: ReportRow) -> tuple[Cell, ...]:
        """Return a row's cells, in the order of `columns`."""
        share = (row.deployment_share,) if has_shares(self.by) else ()
        return (*row.key, *row.labels, *(getattr(row.totals, name) for name in TOTAL_COLUMNS), *share)


def has_shares(by: tuple[Dimension, ...]) -> bool:
    """Return whether a report by these dimensions says who filled a provisioned deployment."""
    return set(by) >= _SHARE_DIMENSIONS


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
        self._provisioned_tokens: Counter[str] = Counter()

    def add(self, records: Iterable[UsageRecord]) -> None:
        """Add records."""
        for record in records:
            key = tuple(_key(self._by, record))
            self._rows.setdefault(key, UsageTotals()).add(record)
            self._totals.add(record)
            self._provisioned_tokens[record.call.deployment or ""] += _provisioned_tokens(record)
            self._label(key, record)

    def report(
        self,
        *,
        begun_from: datetime,
        begun_before: datetime,
        limit: int,
        after: Key | None = None,
        of_all_principals: bool = False,
    ) -> UsageReport:
        """Return at most `limit` rows whose keys come after `after`. Only `of_all_principals` can it have shares."""
        keys = sorted(key for key in self._rows if after is None or key > after)
        page = keys[:limit]
        return UsageReport(
            begun_from=begun_from,
            begun_before=begun_before,
            by=self._by,
            rows=tuple(self._row(key, with_share=of_all_principals and has_shares(self._by)) for key in page),
            totals=self._totals,
            next_key=page[-1] if len(keys) > limit else None,
        )

    def _row(self, key: Key, *, with_share: bool) -> ReportRow:
        totals = self._rows[key]
        return ReportRow(
            key=key,
            labels=self._labels[key][1],
            totals=totals,
            deployment_share=self._share(key, totals) if with_share else None,
        )

    def _share(self, key: Key, totals: UsageTotals) -> Decimal | None:
        deployment = key[key_columns(self._by).index("deployment")]
        of_all = self._provisioned_tokens[deployment]
        return (Decimal(totals.provisioned_tokens) / of_all).quantize(_SHARE_PLACES) if of_all else None

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
