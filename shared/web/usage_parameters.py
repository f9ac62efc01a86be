"""
The parameters of `usage`: what they mean, and what is wrong with them.

`from`, `to` (ISO 8601; a date is its midnight; UTC unless it says otherwise), `by` (dimensions, comma separated),
`principal` (an object id, or `tenant/object id`), the filters `deployment`, `model`, `operation`, `outcome`, `label`
(comma separated, or repeated), `sort`, `top`, `compare`, `percentiles`, `format`, `limit`, `after`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

import msgspec
from starlette.requests import Request

from shared.domain.errors import MalformedRequest
from shared.domain.report_dimensions import Dimension, Filters, key_columns
from shared.domain.report_order import Cursor, Sort
from shared.domain.usage_report import Arrangement, ReportShape, sortable_columns
from shared.domain.usage_span import UsageSpan
from shared.usecases.query_usage import UsageQuery

_MAX_LIMIT = 1000
# Every record between the two times is read; a longer time is asked for in parts.
MAX_DAYS_OF_RECORDS = 92
# A month costs a row of each principal; an hour as much as its day.
_MAX_DAYS = 1100
_MAX_DAYS_BY_HOUR = 92
_BY_TIME = (Dimension.HOUR, Dimension.DAY, Dimension.MONTH)
_FILTERS = ("deployment", "model", "operation", "outcome", "label")
PARAMETERS = frozenset(
    {"from", "to", "by", "principal", "sort", "top", "compare", "percentiles", "format", "limit", "after", *_FILTERS}
)

# A parameter that was given once, or, of the filters, more than once.
Parameters = Mapping[str, Sequence[str]]


def parse_query(parameters: Parameters, now: datetime) -> UsageQuery:
    """
    Return the query that the parameters ask. Without times it is the current month, up to now.

    Raises:
        MalformedRequest: naming the parameter that is wrong.
    """
    single = _single(parameters)
    shape = _shape(single, parameters)
    by_hour = Dimension.HOUR in shape.by
    begun_from, begun_before = parse_period(single, now, max_days=_MAX_DAYS_BY_HOUR if by_hour else _MAX_DAYS)
    tenant_id, object_id = parse_principal(single.get("principal"))
    return UsageQuery(
        span=UsageSpan(begun_from=begun_from, begun_before=begun_before),
        shape=shape,
        arrangement=_arrangement(single, shape.by),
        of_tenant_id=tenant_id,
        of_object_id=object_id,
    )


def parse_period(
    parameters: Mapping[str, str], now: datetime, *, max_days: int = MAX_DAYS_OF_RECORDS
) -> tuple[datetime, datetime]:
    """
    Return from when, and until before when, calls are asked for: without either, this month and now.

    Raises:
        MalformedRequest: naming the parameter that is wrong.
    """
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    begun_from = parse_time(parameters, "from") or month
    begun_before = parse_time(parameters, "to") or now + timedelta(seconds=1)
    if not timedelta(0) < begun_before - begun_from <= timedelta(days=max_days):
        raise MalformedRequest(f"'to' must be after 'from', and no more than {max_days} days after it")
    return begun_from, begun_before


def known_parameters(request: Request, known: frozenset[str]) -> dict[str, str]:
    """Return the parameters of a request. Raises MalformedRequest where one is not known."""
    return _single(repeated_parameters(request, known))


def repeated_parameters(request: Request, known: frozenset[str]) -> dict[str, list[str]]:
    """Return the parameters of a request, each as often as it is there. Raises MalformedRequest as the above."""
    # `code` is where the Functions platform looks for its own key.
    names = {name for name in request.query_params if name != "code"}
    if unknown := names - known:
        raise MalformedRequest(f"unknown parameter {min(unknown)[:40]!r}; known are {', '.join(sorted(known))}")
    return {name: request.query_params.getlist(name) for name in names}


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


def parse_limit(text: str, name: str = "limit") -> int:
    """Return how many rows a page may have. Raises MalformedRequest."""
    # Of thousands of digits `int` raises an error of its own.
    is_short = text.isascii() and text.isdecimal() and len(text) <= len(str(_MAX_LIMIT))
    if not is_short or not 1 <= int(text) <= _MAX_LIMIT:
        raise MalformedRequest(f"{name!r} is a number from 1 to {_MAX_LIMIT}")
    return int(text)


def cursor_text(cursor: Cursor) -> str:
    """Return a cursor as `after` takes it."""
    value = None if cursor.value is None else str(cursor.value)
    return base64.urlsafe_b64encode(msgspec.json.encode([value, *cursor.key])).decode()


def _single(parameters: Parameters) -> dict[str, str]:
    """Return what was given once. Of what was given more often the last counts, as in any query."""
    return {name: values[-1] for name, values in parameters.items()}


def _shape(single: Mapping[str, str], parameters: Parameters) -> ReportShape:
    by = _dimensions(single.get("by", Dimension.PRINCIPAL))
    percentiles = _flag(single, "percentiles")
    compared = _choice(single, "compare", ("previous",)) is not None
    if percentiles and Dimension.HOUR in by:
        raise MalformedRequest("'percentiles' are kept by day: they do not go with by=hour")
    if compared and any(dimension in _BY_TIME for dimension in by):
        raise MalformedRequest("'compare' does not go with by=hour, day or month: no two rows would be of one time")
    return ReportShape(by=by, filters=_filters(parameters), percentiles=percentiles, compared=compared)


def _dimensions(text: str) -> tuple[Dimension, ...]:
    try:
        return tuple(dict.fromkeys(Dimension(name.strip()) for name in text.split(",")))
    except ValueError as error:
        raise MalformedRequest(f"'by' takes any of {', '.join(Dimension)}, separated by commas") from error


def _filters(parameters: Parameters) -> Filters:
    def wanted(name: str) -> frozenset[str]:
        values = parameters.get(name, ())
        # An empty value asks for what is not known; no parameter asks for all.
        return frozenset(part.strip() for value in values for part in value.split(","))

    return Filters(**{name: wanted(name) for name in _FILTERS})


def _flag(parameters: Mapping[str, str], name: str) -> bool:
    return _choice(parameters, name, ("true", "false")) == "true"


def _choice(parameters: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str | None:
    text = parameters.get(name)
    if text is not None and text not in choices:
        raise MalformedRequest(f"{name!r} is {' or '.join(choices)}")
    return text


def _arrangement(parameters: Mapping[str, str], by: tuple[Dimension, ...]) -> Arrangement:
    top = parse_limit(parameters["top"], "top") if "top" in parameters else None
    if top is not None and parameters.keys() & {"limit", "after"}:
        raise MalformedRequest("'top' takes neither 'limit' nor 'after': what it leaves out is in 'others'")
    default = "-total_tokens" if top is not None else None
    sort = _sort(parameters.get("sort", default), by)
    return Arrangement(
        limit=parse_limit(parameters.get("limit", str(_MAX_LIMIT))),
        after=_cursor(parameters.get("after"), by, sort),
        sort=sort,
        top=top,
    )


def _sort(text: str | None, by: tuple[Dimension, ...]) -> Sort | None:
    if text is None:
        return None
    column = text.removeprefix("-")
    if column not in sortable_columns(by):
        raise MalformedRequest(f"'sort' takes one of {', '.join(sortable_columns(by))}, with - before it from the most")
    return Sort(column=column, descending=text.startswith("-"))


def _cursor(text: str | None, by: tuple[Dimension, ...], sort: Sort | None) -> Cursor | None:
    if text is None:
        return None
    try:
        value, *key = msgspec.json.decode(base64.urlsafe_b64decode(text), type=list[str | None])
        parts = msgspec.convert(key, tuple[str, ...])
        sorted_by = _cursor_value(value, sort, by)
    except (binascii.Error, ValueError, InvalidOperation, msgspec.MsgspecError) as error:
        raise MalformedRequest("'after' is not what a page before gave as 'next'") from error
    if len(parts) != len(key_columns(by)):
        raise MalformedRequest("'after' is of a report by other dimensions")
    return Cursor(key=parts, value=sorted_by)


def _cursor_value(value: str | None, sort: Sort | None, by: tuple[Dimension, ...]) -> Decimal | str | None:
    if (value is None) != (sort is None):
        raise ValueError("of a report in another order")
    if value is None or sort is None or sort.column in key_columns(by):
        return value
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError("no number")
    return number
