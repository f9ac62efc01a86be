"""Query findings: what does not add up, as far as the asker may know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.findings.finding import Finding, FindingKind, FindingState, Severity
from shared.domain.principal import Principal
from shared.ports.reconciliation import Findings
from shared.usecases.query_usage import READ_ALL_ROLE

Cursor = tuple[datetime, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingsQuery:
    """What is asked. `seen_from` is included, `seen_before` is not. Empty sets mean any; `after` ended a page."""

    seen_from: datetime
    seen_before: datetime
    states: frozenset[FindingState]
    kinds: frozenset[FindingKind]
    severities: frozenset[Severity]
    limit: int
    after: Cursor | None = None


class QueryFindings:
    """Answers a query from the findings themselves, newest first."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings

    async def __call__(self, query: FindingsQuery, asker: Principal) -> tuple[list[Finding], Cursor | None]:
        """
        Return a page, and where it ended if there is more.

        Who may not see everybody's usage sees what is about itself.

        Raises:
            StorageError: the findings cannot be read.
        """
        found = list[Finding]()
        # What is seen on a day is kept under that day, or where it took over midnight, under the one before.
        first = (query.seen_from - timedelta(days=1)).date()
        async for findings in self._findings.between(first, query.seen_before.date()):
            found += [finding for finding in findings if _is_asked(finding, query) and may_see(finding, asker)]
        found.sort(key=cursor_of, reverse=True)
        rest = [finding for finding in found if query.after is None or cursor_of(finding) < query.after]
        page = rest[: query.limit]
        return page, cursor_of(page[-1]) if len(rest) > len(page) else None


def cursor_of(finding: Finding) -> Cursor:
    """Return where a finding stands among others."""
    return finding.last_seen_at, finding.id


def may_see(finding: Finding, asker: Principal) -> bool:
    """Return whether a finding is about the asker, or the asker may see all."""
    return READ_ALL_ROLE in asker.roles or finding.subject.object_id == asker.object_id


def _is_asked(finding: Finding, query: FindingsQuery) -> bool:
    return (
        query.seen_from <= finding.last_seen_at < query.seen_before
        and (not query.states or finding.state in query.states)
        and (not query.kinds or finding.subject.kind in query.kinds)
        and (not query.severities or finding.severity in query.severities)
    )
