"""`usage`: a report of who used what, as JSON or CSV.

Parameters: `from`, `to` (ISO 8601; a date is its midnight; UTC unless it says otherwise), `by` (dimensions,
comma separated), `principal` (an object id, or `tenant/object id`), `format` (`json` or `csv`), `limit`, `after`.
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from shared.domain.csv_format import harmless
from shared.domain.errors import MalformedRequest
from shared.domain.pricing import decimal_text
from shared.domain.usage_report import Cell, Dimension, Key, UsageReport, key_columns
from shared.ports.clock import Clock
from shared.usecases.identify_principal import IdentifyPrincipal
from shared.usecases.query_usage import QueryUsage, UsageQuery
from shared.web.calls import credentials_of
from shared.web.errors import answering_errors

_PARAMETERS = frozenset({"from", "to", "by", "principal", "format", "limit", "after"})
_FORMATS = frozenset({"json", "csv"})
_MAX_LIMIT = 1000
# Every record between the two times is read; a longer time is asked for in parts.
_MAX_DAYS = 92


class UsageEndpoint:
    """Answers reports."""

    def __init__(self, identify: IdentifyPrincipal, query_usage: QueryUsage, clock: Clock) -> None:
        self._identify = identify
        self._query_usage = query_usage
        self._clock = clock

    @answering_errors
    async def __call__(self, request: Request) -> Response:
        identified = await self._identify(credentials_of(request))
        parameters = _parameters(request)
        query = parse_query(parameters, self._clock.now())
        report = await self._query_usage(query, identified.principal)
        next_page = _next_page(parameters, report)
        if parameters.get("format") == "csv":
            return _csv_response(report, next_page)
        return _json_response(report, next_page)


def parse_query(parameters: Mapping[str, str], now: datetime) -> UsageQuery:
    """
    Return the query that the parameters ask. Without times it is the current month, up to now.

    Raises:
        MalformedRequest: naming the parameter that is wrong.
    """
    begun_from, begun_before = parse_period(parameters, now)
    by = _dimensions(parameters.get("by", Dimension.PRINCIPAL))
    tenant_id, object_id = parse_principal(parameters.get("principal"))
    return UsageQuery(
        begun_from=begun_from,
        begun_before=begun_before,
        by=by,
        limit=parse_limit(parameters.get("limit", str(_MAX_LIMIT))),
        after=_cursor(parameters.get("after"), by),
        of_tenant_id=tenant_id,
        of_object_id=object_id,
    )


def parse_period(parameters: Mapping[str, str], now: datetime) -> tuple[datetime, datetime]:
    """
    Return from when, and until before when, calls are asked for: without either, this month and now.

    Raises:
        MalformedRequest: naming the parameter that is wrong.
    """
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    begun_from = parse_time(parameters, "from") or month
    begun_before = parse_time(parameters, "to") or now + timedelta(seconds=1)
    if not timedelta(0) < begun_before - begun_from <= timedelta(days=_MAX_DAYS):
        raise MalformedRequest(f"'to' must be after 'from', and no more than {_MAX_DAYS} days after it")
    return begun_from, begun_before


def known_parameters(request: Request, known: frozenset[str]) -> dict[str, str]:
    """Return the parameters of a request. Raises MalformedRequest where one is not known."""
    # `code` is where the Functions platform looks for its own key.
    parameters = {name: value for name, value in request.query_params.items() if name != "code"}
    if unknown := parameters.keys() - known:
        raise MalformedRequest(f"unknown parameter {min(unknown)[:40]!r}; known are {', '.join(sorted(known))}")
    return parameters


def _parameters(request: Request) -> dict[str, str]:
    parameters = known_parameters(request, _PARAMETERS)
    if parameters.get("format", "json") not in _FORMATS:
        raise MalformedRequest("'format' is json or csv")
    return parameters


def parse_time(parameters: Mapping[str, str], name: str) -> datetime | None:
    """Return the time that a parameter says, None where it is not there. Raises MalformedRequest."""
    text = parameters.get(name)
    if text is None:
        return None
    try:
        # In a query an unescaped "+" of a time zone arrives as a space.
        time = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise MalformedRequest(f"{name!r} is not a time: write 2026-11-01 or 2026-11-01T09:30:00Z") from error


def _dimensions(text: str) -> tuple[Dimension, ...]:
    try:
        return tuple(dict.fromkeys(Dimension(name.strip()) for name in text.split(",")))
    except ValueError as error:
        raise MalformedRequest(f"'by' takes any of {', '.join(Dimension)}, separated by commas") from error


def parse_principal(text: str | None) -> tuple[str | None, str | None]:
    """
    Return the tenant id, None where it is not said, and the object id; both None for no principal in particular.

    Raises:
        MalformedRequest: it is neither form.
    """
    if text is None:
        return None, None
    tenant_id, slash, object_id = text.lower().rpartition("/")
    if not object_id or (slash and not tenant_id):
        # To pass over half of it would answer with everybody's usage.
        raise MalformedRequest("'principal' is an object id, or tenant/object id")
    return tenant_id or None, object_id


def parse_limit(text: str) -> int:
    """Return how many rows a page has. Raises MalformedRequest."""
    # Of thousands of digits `int` raises an error of its own.
    is_short = text.isascii() and text.isdecimal() and len(text) <= len(str(_MAX_LIMIT))
    if not is_short or not 1 <= int(text) <= _MAX_LIMIT:
        raise MalformedRequest(f"'limit' is a number from 1 to {_MAX_LIMIT}")
    return int(text)


def _cursor(text: str | None, by: tuple[Dimension, ...]) -> Key | None:
    if text is None:
        return None
    try:
        key = tuple(msgspec.json.decode(base64.urlsafe_b64decode(text), type=list[str]))
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise MalformedRequest("'after' is not what a page before gave as 'next'") from error
    if len(key) != len(key_columns(by)):
        raise MalformedRequest("'after' is of a report by other dimensions")
    return key


def _next_page(parameters: Mapping[str, str], report: UsageReport) -> str | None:
    """Return the query of the next page, with the same times though the clock goes on."""
    if report.next_key is None:
        return None
    return urlencode(
        {
            **parameters,
            "from": report.begun_from.isoformat(),
            "to": report.begun_before.isoformat(),
            "after": base64.urlsafe_b64encode(msgspec.json.encode(report.next_key)).decode(),
        }
    )


def report_body(report: UsageReport, next_page: str | None) -> dict[str, object]:
    """Return a report as JSON has it; `next_page` is the query of the page after it."""
    return {
        "from": report.begun_from,
        "to": report.begun_before,
        "by": report.by,
        "rows": [dict(zip(report.columns, map(_plain, report.cells(row)), strict=True)) for row in report.rows],
        "totals": {field: _plain(getattr(report.totals, field)) for field in report.totals.__slots__},
        "next": next_page and f"usage?{next_page}",
    }


def _json_response(report: UsageReport, next_page: str | None) -> Response:
    body = msgspec.json.encode(report_body(report, next_page))
    return Response(body, media_type="application/json", headers={"cache-control": "no-store"})


def _csv_response(report: UsageReport, next_page: str | None) -> Response:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(report.columns)
    for row in report.rows:
        writer.writerow([_harmless(_plain(cell)) for cell in report.cells(row)])
    headers = {"cache-control": "no-store"}
    if next_page:
        headers["link"] = f'<usage?{next_page}>; rel="next"'
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _plain(cell: Cell) -> str | int | None:
    """Return a cell as JSON and CSV have it: decimals as text, which no reader rounds."""
    return decimal_text(cell) if isinstance(cell, Decimal) else cell


def _harmless(cell: str | int | None) -> str | int | None:
    return harmless(cell) if isinstance(cell, str) else cell
