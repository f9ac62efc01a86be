"""`findings`: what does not add up, as JSON; `findings/{id}`: to say why it is all right.

Parameters: `state` (open, accepted, closed, all), `kind`, `severity` (comma separated: any of), `from`, `to` (when it
was last seen), `limit`, `after`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal, TypeVar
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from shared.domain.errors import BodyTooLarge, MalformedRequest
from shared.domain.findings.finding import Finding, FindingKind, FindingState, Severity
from shared.domain.findings.texts import summary, title
from shared.ports.clock import Clock
from shared.usecases.accept_finding import AcceptFinding
from shared.usecases.identify_principal import IdentifyPrincipal
from shared.usecases.query_findings import Cursor, FindingsQuery, QueryFindings
from shared.web.calls import credentials_of
from shared.web.errors import answering_errors
from shared.web.usage_parameters import known_parameters, parse_limit, parse_period

_PARAMETERS = frozenset({"state", "kind", "severity", "from", "to", "limit", "after"})
_DEFAULT_LIMIT = "100"
_DEFAULT_DAYS = 92
_ALL = "all"
_MAX_BODY_BYTES = 16 * 1024

_Choice = TypeVar("_Choice", bound=StrEnum)


class FindingsEndpoint:
    """Answers queries."""

    def __init__(self, identify: IdentifyPrincipal, query: QueryFindings, clock: Clock) -> None:
        self._identify = identify
        self._query = query
        self._clock = clock

    @answering_errors
    async def __call__(self, request: Request) -> Response:
        identified = await self._identify(credentials_of(request))
        parameters = known_parameters(request, _PARAMETERS)
        query = parse_query(parameters, self._clock.now())
        findings, end = await self._query(query, identified.principal)
        return _json({"findings": [finding_body(each) for each in findings], "next": _next(parameters, query, end)})


def parse_query(parameters: Mapping[str, str], now: datetime) -> FindingsQuery:
    """
    Return the query that the parameters ask. Without any it is what is open and was seen in the last 92 days.

    Raises:
        MalformedRequest: naming the parameter that is wrong.
    """
    # Half a day less than may be asked for, so that a page may be asked for a while later.
    since = (now - timedelta(days=_DEFAULT_DAYS - 0.5)).isoformat()
    seen_from, seen_before = parse_period({"from": since, **parameters}, now)
    state = parameters.get("state", FindingState.OPEN)
    return FindingsQuery(
        seen_from=seen_from,
        seen_before=seen_before,
        states=frozenset() if state == _ALL else _choices("state", state, FindingState, f", or {_ALL}"),
        kinds=_choices("kind", parameters.get("kind"), FindingKind),
        severities=_choices("severity", parameters.get("severity"), Severity),
        limit=parse_limit(parameters.get("limit", _DEFAULT_LIMIT)),
        after=_cursor(parameters.get("after")),
    )


def _choices(name: str, text: str | None, kind: type[_Choice], more: str = "") -> frozenset[_Choice]:
    if text is None:
        return frozenset()
    try:
        return frozenset(kind(word.strip()) for word in text.split(","))
    except ValueError as error:
        raise MalformedRequest(f"{name!r} takes any of {', '.join(kind)}, separated by commas{more}") from error


def _cursor(text: str | None) -> Cursor | None:
    if text is None:
        return None
    try:
        # A time without a zone is not ours, and can be compared with none of ours.
        return msgspec.json.decode(
            base64.urlsafe_b64decode(text), type=tuple[Annotated[datetime, msgspec.Meta(tz=True)], str]
        )
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise MalformedRequest("'after' is not what a page before gave as 'next'") from error


def _next(parameters: Mapping[str, str], query: FindingsQuery, end: Cursor | None) -> str | None:
    """Return the query of the next page, with the same times though the clock goes on."""
    if end is None:
        return None
    times = {"from": query.seen_from.isoformat(), "to": query.seen_before.isoformat()}
    after = base64.urlsafe_b64encode(msgspec.json.encode(end)).decode()
    return f"findings?{urlencode({**parameters, **times, 'after': after})}"


class AcceptFindingEndpoint:
    """Answers those who say that a finding is all right, or is not after all."""

    def __init__(self, identify: IdentifyPrincipal, accept: AcceptFinding) -> None:
        self._identify = identify
        self._accept = accept

    @answering_errors
    async def __call__(self, request: Request) -> Response:
        identified = await self._identify(credentials_of(request))
        known_parameters(request, frozenset())
        _refuse_forms(request)
        finding_id = str(request.path_params.get("id", ""))
        reason = parse_decision(await _body(request))
        return _json(finding_body(await self._accept(finding_id, reason, identified.principal)))


class _Accepted(msgspec.Struct, tag_field="state", tag="accepted", forbid_unknown_fields=True):
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]


class _Open(msgspec.Struct, tag_field="state", tag="open", forbid_unknown_fields=True):
    reason: Literal[""] | None = None


def parse_decision(body: bytes) -> str | None:
    """
    Return the reason for which a finding is accepted, None where it is to be open again.

    Raises:
        MalformedRequest: the body is neither.
    """
    try:
        decision = msgspec.json.decode(body, type=_Accepted | _Open)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedRequest('the body is {"state": "accepted", "reason": "…"} or {"state": "open"}') from error
    if isinstance(decision, _Open):
        return None
    if not decision.reason.strip():
        raise MalformedRequest("'reason' is empty")
    return decision.reason.strip()


def _refuse_forms(request: Request) -> None:
    """
    Refuse what a page of another site can send along with the cookie of the platform's sign-in: forms and text.

    With `application/json` a browser asks first, and is told no.
    https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise MalformedRequest("the body is JSON: send it with 'content-type: application/json'")


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY_BYTES:
            raise BodyTooLarge(f"the body takes more than {_MAX_BODY_BYTES} bytes")
    return bytes(body)


def finding_body(finding: Finding) -> dict[str, object]:
    """Return a finding as JSON has it."""
    return {
        "id": finding.id,
        "kind": finding.subject.kind,
        "severity": finding.severity,
        "state": finding.state,
        "title": title(finding),
        "summary": summary(finding),
        "resource": finding.subject.resource,
        "first_seen_at": finding.first_seen_at,
        "last_seen_at": finding.last_seen_at,
        "occurrences": finding.occurrences,
        "evidence": finding.evidence,
        "accepted_by": finding.accepted_by,
        "accepted_at": finding.accepted_at,
        "reason": finding.reason,
        "closed_at": finding.closed_at,
        "closed_because": finding.closed_because,
    }


def announcement_body(finding: Finding) -> bytes:
    """Return what another system is told of a finding that is open: as Standard Webhooks has it, type and data."""
    opened_at = finding.announcement.since if finding.announcement else finding.last_seen_at
    return msgspec.json.encode({"type": "finding.opened", "timestamp": opened_at, "data": finding_body(finding)})


def _json(body: object) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json", headers={"cache-control": "no-store"})
