"""The page's real files and endpoints, with what it asks for answered from a sample.

A parameter that the real endpoints do not know is refused here too: the page must not ask for it.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shared.domain.errors import LedgerError, MalformedRequest, PrincipalNotAllowed, StorageUnavailable
from shared.domain.gateway_key import GatewayKey, hash_key
from shared.domain.principal import Principal
from shared.usecases.identify_principal import IdentifyPrincipal
from shared.usecases.query_usage import READ_ALL_ROLE
from shared.web.calls import credentials_of
from shared.web.errors import error_response
from shared.web.page.caller import CallerEndpoint
from shared.web.page.endpoint import PageEndpoint
from shared.web.page.files import read_page
from shared.web.usage_parameters import known_parameters
from tests.fakes import FakeClock, FakeGatewayKeys
from tests.web.page.browser import sample

FINOPS_KEY = "aoai-of-finops"
DEVELOPER_KEY = "aoai-of-a-developer"
AUDITOR_KEY = "aoai-of-an-auditor"
ACCEPT_ROLE = "Findings.Accept.All"
_KEYS = {
    FINOPS_KEY: Principal.from_name("finops", roles=frozenset({READ_ALL_ROLE, ACCEPT_ROLE})),
    AUDITOR_KEY: Principal.from_name("auditor", roles=frozenset({READ_ALL_ROLE})),
    DEVELOPER_KEY: Principal.from_name("data-science"),
}
_FILTERS = {"deployment", "model", "operation", "outcome", "label"}
_USAGE = {
    "from",
    "to",
    "by",
    "principal",
    "sort",
    "top",
    "compare",
    "percentiles",
    "format",
    "limit",
    "after",
} | _FILTERS
_RECORDS = {"from", "to", "principal", "order", "limit", "after"} | _FILTERS - {"label"}
_SUMS = ("calls", "calls_failed", "calls_estimated", "calls_uncounted", "prompt_tokens", "completion_tokens",
         "cached_tokens", "reasoning_tokens", "total_tokens", "calls_unpriced", "provisioned_tokens")  # fmt: skip


class Mode(StrEnum):
    """What the endpoints answer."""

    DATA = "data"
    EMPTY = "empty"
    BROKEN = "broken"
    HOSTILE = "hostile"


@dataclass(slots=True)
class Stub:
    """The answers; `asked` is what was asked, `posted` what was sent; `refusal` is what all are told at the door."""

    easy_auth: bool = False
    mode: Mode = Mode.DATA
    asked: list[str] = field(default_factory=list)
    posted: list[dict[str, Any]] = field(default_factory=list)
    findings: list[dict[str, Any]] = field(default_factory=sample.findings)
    refusal: LedgerError | None = None
    keys: FakeGatewayKeys = field(init=False)
    identify: IdentifyPrincipal = field(init=False)

    def __post_init__(self) -> None:
        clock = FakeClock()
        self.keys = FakeGatewayKeys(
            *(GatewayKey(key_hash=hash_key(key), principal=who, issued_at=clock.now()) for key, who in _KEYS.items())
        )
        self.identify = IdentifyPrincipal(keys=self.keys, clock=clock)

    def app(self) -> Starlette:
        """Return it as an application."""
        page = PageEndpoint(read_page(easy_auth=self.easy_auth))
        answers = {
            "/usage": self._usage,
            "/usage/records": self._records,
            "/usage/records/{call_id}": self._record,
            "/findings": self._findings,
            "/reconciliation": self._reconciliation,
        }
        return Starlette(
            routes=[
                Route("/usage/page/me", self._caller),
                Route("/usage/page", page.__call__),
                Route("/usage/page/{file:path}", page.__call__),
                Route("/findings/{finding_id}", self._decide, methods=["POST"]),
                *(Route(path, self._answering(answer)) for path, answer in answers.items()),
            ]
        )

    async def _caller(self, request: Request) -> Response:
        if self.refusal:
            return error_response(self.refusal)
        return await CallerEndpoint(self.identify)(request)

    def _answering(self, answer: Any) -> Any:
        async def answered(request: Request) -> Response:
            self.asked.append(f"{request.url.path}?{request.url.query}")
            try:
                principal = (await self.identify(credentials_of(request))).principal
                if self.mode is Mode.BROKEN:
                    raise StorageUnavailable("down")
                response: Response = answer(request, principal)
            except LedgerError as error:
                return error_response(error)
            return response

        return answered

    def _usage(self, request: Request, principal: Principal) -> Response:
        asked = known_parameters(request, frozenset(_USAGE))
        own = None if READ_ALL_ROLE in principal.roles else f"gateway/{principal.object_id}"
        body = _report_body(tuple(sorted(asked.items())), own, is_empty=self.mode is Mode.EMPTY)
        if self.mode is Mode.HOSTILE:
            body = {**body, "rows": [_hostile(row) for row in body["rows"]]}
        if asked.get("format") == "csv":
            return Response("model,calls\nm,1\n", media_type="text/csv")
        content = json.dumps(body)
        tag = f'"{hashlib.sha256(content.encode()).hexdigest()[:12]}"'
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers={"etag": tag})
        return Response(content, media_type="application/json", headers={"etag": tag})

    def _records(self, request: Request, principal: Principal) -> Response:
        asked = known_parameters(request, frozenset(_RECORDS))
        _times(asked)
        rows = [] if self.mode is Mode.EMPTY else sample.records()
        rows = [row for row in rows if READ_ALL_ROLE in principal.roles or row["object_id"] == principal.object_id]
        rows = [
            row for row in rows if all(str(row[name]) == asked[name] for name in _FILTERS & asked.keys() - {"label"})
        ]
        start, limit = int(asked.get("after", 0)), int(asked["limit"])
        following = f"usage/records?after={start + limit}" if start + limit < len(rows) else None
        shown = [self._told(row) for row in rows[start : start + limit]]
        return JSONResponse({"from": asked["from"], "to": asked["to"], "records": shown, "next": following})

    def _record(self, request: Request, principal: Principal) -> Response:
        known_parameters(request, frozenset({"begun_at"}))
        found = [row for row in sample.records() if row["call_id"] == request.path_params["call_id"]]
        if not found:
            error = {
                "message": "no such call",
                "type": "invalid_request_error",
                "param": None,
                "code": "call_not_found",
            }
            return JSONResponse({"error": error}, 404)
        return JSONResponse(sample.story(self._told(found[0])))

    def _findings(self, request: Request, principal: Principal) -> Response:
        asked = known_parameters(request, frozenset({"state", "kind", "severity", "from", "to", "limit", "after"}))
        state = asked.get("state", "open")
        rows = [] if self.mode is Mode.EMPTY else self.findings
        rows = [row for row in rows if state in ("all", row["state"])]
        # One of them is about the developer; the others are not theirs to see.
        rows = [row for row in rows if READ_ALL_ROLE in principal.roles or row["id"] == "f2"]
        rows = [row for row in rows if all(row[name] == asked[name] for name in {"kind", "severity"} & asked.keys())]
        return JSONResponse({"findings": [self._told(row) for row in rows], "next": None})

    async def _decide(self, request: Request) -> Response:
        principal = (await self.identify(credentials_of(request))).principal
        if ACCEPT_ROLE not in principal.roles:
            return error_response(PrincipalNotAllowed("to accept takes a role"))
        body = await request.json()
        self.posted.append(body)
        finding = next(row for row in self.findings if row["id"] == request.path_params["finding_id"])
        decided = {"accepted_by": principal.name, "accepted_at": sample.NOW.isoformat(), "reason": body.get("reason")}
        finding |= {"state": body["state"], **(decided if body["state"] == "accepted" else dict.fromkeys(decided))}
        return JSONResponse(finding)

    def _reconciliation(self, request: Request, principal: Principal) -> Response:
        asked = known_parameters(request, frozenset({"from", "to", "resource"}))
        rows = [] if self.mode is Mode.EMPTY else sample.reconciliation(*_times(asked))
        rows = [self._told(row) for row in rows if row["resource"] == asked.get("resource", row["resource"])]
        numbers = [name for name in (rows[0] if rows else {}) if isinstance(rows[0][name], int) and name != "settled"]
        totals = {name: sum(row[name] for row in rows) for name in numbers}
        return JSONResponse(
            {"from": asked["from"], "to": asked["to"], "lateness_seconds": 10800, "rows": rows, "totals": totals}
        )

    def _told(self, row: dict[str, Any]) -> dict[str, Any]:
        return _hostile(row) if self.mode is Mode.HOSTILE else row


def _hostile(value: Any, name: str = "") -> Any:
    """Return the same with markup in every text that a stranger chooses."""
    if isinstance(value, dict):
        return {key: _hostile(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [_hostile(each) for each in value]
    kept = name in {"call_id", "day", "hour", "month", "id", "state", "cost_usd", "match"} or name.endswith("_at")
    return f"{value}{sample.HOSTILE}" if isinstance(value, str) and not kept else value


def _times(asked: dict[str, str]) -> tuple[datetime, datetime]:
    begin, end = (datetime.fromisoformat(asked[name]) for name in ("from", "to"))
    if not timedelta(0) < end - begin <= timedelta(days=92):
        raise MalformedRequest("'to' must be after 'from'")
    return begin, end


@functools.cache
def _report_body(parameters: tuple[tuple[str, str], ...], own: str | None, *, is_empty: bool) -> dict[str, Any]:
    """Return a report; the clock stands still, so the same question comes again and again."""
    asked = dict(parameters)
    _refuse_what_does_not_go_together(asked)
    begin, end = _times(asked)
    held = _narrowed(() if is_empty else sample.between(begin, end), asked, own)
    body = _report(asked, held)
    if asked.get("compare") == "previous":
        earlier = () if is_empty else sample.between(begin - (end - begin), begin)
        before = _totals(_narrowed(earlier, asked, own))
        body["totals"] |= {f"previous_{name}": before[name] for name in ("calls", "total_tokens", "cost_usd")}
    return body


def _refuse_what_does_not_go_together(asked: dict[str, str]) -> None:
    """Refuse what `usage` refuses."""
    by = set(asked.get("by", "").split(","))
    if asked.get("percentiles") == "true" and "hour" in by:
        raise MalformedRequest("'percentiles' are kept by day")
    if "compare" in asked and by & {"hour", "day", "month"}:
        raise MalformedRequest("'compare' does not go with times")
    if "top" in asked and {"limit", "after"} & asked.keys():
        raise MalformedRequest("'top' takes neither 'limit' nor 'after'")


def _narrowed(cells: Iterable[sample.Cell], asked: dict[str, str], own: str | None) -> list[sample.Cell]:
    wanted = {name: set(asked[name].split(",")) for name in _FILTERS & asked.keys()}
    if who := asked.get("principal") or own:
        wanted["principal"] = {who}
    return [cell for cell in cells if all(cell.value(name) in values for name, values in wanted.items())]


def _report(asked: dict[str, str], cells: list[sample.Cell]) -> dict[str, Any]:
    by = asked.get("by", "principal").split(",")
    groups: dict[tuple[str, ...], list[sample.Cell]] = {}
    for cell in cells:
        groups.setdefault(tuple(cell.value(name) for name in by), []).append(cell)
    rows = [_row(by, key, groups[key], asked) for key in sorted(groups)]
    _share(rows)
    others = None
    if "top" in asked or "sort" in asked:
        column = asked.get("sort", "-total_tokens")
        rows.sort(key=lambda row: float(row[column.lstrip("-")] or 0), reverse=column.startswith("-"))
        top = int(asked.get("top", len(rows)))
        left = [cell for row in rows[top:] for cell in groups[row["_key"]]]
        others, rows = (_totals(left) if left else None), rows[:top]
    for row in rows:
        del row["_key"]
    limit = int(asked.get("limit", 1000))
    following = f"usage?after={base64.b64encode(b'x').decode()}" if len(rows) > limit else None
    return {
        "from": asked["from"],
        "to": asked["to"],
        "by": by,
        "rows": rows[:limit],
        "others": others,
        "totals": _totals(cells),
        "next": following,
    }


def _share(rows: list[dict[str, Any]]) -> None:
    """Give each row of a principal and a deployment its part of what is provisioned."""
    for row in rows:
        if "object_id" in row and "deployment" in row:
            own, all_of_it = (
                row["provisioned_tokens"],
                sum(each["provisioned_tokens"] for each in rows if each["deployment"] == row["deployment"]),
            )
            row["deployment_share"] = f"{own / all_of_it:.6f}" if all_of_it else None


def _row(by: list[str], key: tuple[str, ...], cells: list[sample.Cell], asked: dict[str, str]) -> dict[str, Any]:
    row: dict[str, Any] = {"_key": key}
    for name, value in zip(by, key, strict=True):
        if name == "principal":
            tenant_id, _, object_id = value.partition("/")
            who = cells[0].who
            row |= {
                "tenant_id": tenant_id,
                "object_id": object_id,
                "principal_name": who.name,
                "principal_kind": who.kind,
            }
        else:
            row[name] = value
    row |= _totals(cells)
    if asked.get("percentiles") == "true":
        wait = max(cell.what.wait_ms for cell in cells) + cells[0].hour.hour * 13
        row |= {f"latency_{name}_ms": int(wait * by) for name, by in (("p50", 1), ("p95", 2.4), ("p99", 4.1))}
        row |= {f"first_chunk_{name}_ms": int(wait * by / 5) for name, by in (("p50", 1), ("p95", 2.2), ("p99", 3.5))}
    return row


def _totals(cells: Iterable[sample.Cell]) -> dict[str, Any]:
    totals: dict[str, Any] = dict.fromkeys(_SUMS, 0)
    usd = Decimal(0)
    for cell in cells:
        used = cell.prompt + cell.completion
        is_priced = cell.what.usd is not None
        added = {
            "calls": cell.calls,
            "calls_failed": cell.calls if cell.outcome != "completed" else 0,
            "calls_estimated": cell.calls if cell.outcome == "cut_by_caller" else 0,
            "prompt_tokens": cell.prompt,
            "completion_tokens": cell.completion,
            "cached_tokens": cell.prompt // 3,
            "reasoning_tokens": cell.completion // 2 if cell.what.operation == "responses" else 0,
            "total_tokens": used,
            "calls_unpriced": cell.calls if cell.outcome == "timed_out" else 0,
            "provisioned_tokens": 0 if is_priced else used,
        }
        for name, value in added.items():
            totals[name] += value
        usd += cell.usd or 0
    return totals | {"cost_usd": str(usd) if usd else None}
