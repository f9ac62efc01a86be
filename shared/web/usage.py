"""`usage` and `usage/me`: a report of who used what, as JSON, CSV or Parquet. Its parameters: usage_parameters."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from shared.domain.csv_format import CsvFormat
from shared.domain.errors import MalformedRequest
from shared.domain.usage_report import UsageReport
from shared.ports.clock import Clock
from shared.ports.table_encoding import TableFormat
from shared.usecases.identify_principal import IdentifyPrincipal
from shared.usecases.query_usage import QueryUsage
from shared.web.calls import credentials_of
from shared.web.errors import answering_errors
from shared.web.usage_formats import json_report, table_report
from shared.web.usage_parameters import PARAMETERS, Parameters, cursor_text, parse_query, repeated_parameters

_FORMATS = ("json", "csv", "parquet")
_ETAG_LENGTH = 32


class UsageEndpoint:
    """Answers reports."""

    def __init__(
        self,
        identify: IdentifyPrincipal,
        query_usage: QueryUsage,
        clock: Clock,
        parquet: TableFormat,
        *,
        only_mine: bool = False,
    ) -> None:
        """`only_mine` answers every caller with what is its own, whatever its roles."""
        self._identify = identify
        self._query_usage = query_usage
        self._clock = clock
        self._tables: Mapping[str, TableFormat] = {"csv": CsvFormat(), "parquet": parquet}
        self._only_mine = only_mine
        self._known = PARAMETERS - {"principal"} if only_mine else PARAMETERS

    @answering_errors
    async def __call__(self, request: Request) -> Response:
        identified = await self._identify(credentials_of(request))
        parameters = repeated_parameters(request, self._known)
        format_ = _format(parameters)
        query = replace(parse_query(parameters, self._clock.now()), only_mine=self._only_mine)
        report = await self._query_usage(query, identified.principal)
        return _unless_known(request, self._response(format_, report, _next_page(parameters, report)))

    def _response(self, format_: str, report: UsageReport, next_page: str | None) -> Response:
        path = "usage/me" if self._only_mine else "usage"
        page = f"{path}?{next_page}" if next_page else None
        if format_ == "json":
            return _response(json_report(report, page), "application/json", None)
        table_format = self._tables[format_]
        return _response(table_report(report, table_format), table_format.media_type, page)


def _format(parameters: Parameters) -> str:
    format_ = parameters.get("format", ["json"])[-1]
    if format_ not in _FORMATS:
        raise MalformedRequest(f"'format' is one of {', '.join(_FORMATS)}")
    return format_


def _next_page(parameters: Parameters, report: UsageReport) -> str | None:
    """Return the query of the next page, with the same times though the clock goes on."""
    if report.next_cursor is None:
        return None
    times = {"from": report.span.begun_from.isoformat(), "to": report.span.begun_before.isoformat()}
    return urlencode({**parameters, **times, "after": cursor_text(report.next_cursor)}, doseq=True)


def _response(body: bytes, media_type: str, next_page: str | None) -> Response:
    headers = {"cache-control": "no-store", "etag": f'"{hashlib.sha256(body).hexdigest()[:_ETAG_LENGTH]}"'}
    if next_page:
        headers["link"] = f'<{next_page}>; rel="next"'
    return Response(body, media_type=media_type, headers=headers)


def _unless_known(request: Request, response: Response) -> Response:
    """Return an answer, or 304 where the caller has it already."""
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if not known & {response.headers["etag"], "*"}:
        return response
    headers = {name: value for name, value in response.headers.items() if name in {"etag", "cache-control", "link"}}
    return Response(status_code=304, headers=headers)
