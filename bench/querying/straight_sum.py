"""What DuckDB says the totals are, and what a report says."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import duckdb

from shared.domain.principal import Principal
from shared.domain.report_dimensions import Dimension
from shared.domain.usage_report import Arrangement, ReportShape
from shared.domain.usage_span import UsageSpan
from shared.usecases.query_usage import READ_ALL_ROLE, QueryUsage, UsageQuery

READER = Principal.from_name("bench", roles=frozenset({READ_ALL_ROLE}))

# By object id: calls, those that failed, tokens in all, of prompts, of completions, dollars.
Sums = dict[str, tuple[int, int, int, int, int, Decimal]]

_SUMS = """
    object_id, count(*), count(*) filter (outcome <> 'completed'), sum(coalesce(total_tokens, 0)),
    sum(coalesce(prompt_tokens, 0)), sum(coalesce(completion_tokens, 0)), sum(coalesce(cost_usd, 0))
"""


def month_query(span: UsageSpan) -> UsageQuery:
    """Return the query that is asked: who used what."""
    shape = ReportShape(by=(Dimension.PRINCIPAL,))
    return UsageQuery(span=span, shape=shape, arrangement=Arrangement(limit=1000))


async def report_sums(query_usage: QueryUsage, span: UsageSpan) -> Sums:
    """Return what a report says."""
    report = await query_usage(month_query(span), READER)
    return {
        row.key[1]: (
            row.totals.calls,
            row.totals.calls_failed,
            row.totals.total_tokens,
            row.totals.prompt_tokens,
            row.totals.completion_tokens,
            row.totals.cost_usd or Decimal(0),
        )
        for row in report.rows
    }


def summed_by_principal(*paths: Path, source: str = "read_parquet($paths)") -> Sums:
    """Return the sums of the records in files, each for itself; `source` says how they are made of those."""
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"select {_SUMS} from {source} group by object_id", {"paths": [str(path) for path in paths]}
        ).fetchall()
    return {
        key: (calls, failed, total, prompt, completion, cost)
        for key, calls, failed, total, prompt, completion, cost in rows
    }
