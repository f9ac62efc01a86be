"""`usage/records`: calls one by one, and `usage/records/{call_id}`: one call's story, as JSON.

Parameters of the first: `from`, `to`, `principal`, as for `usage`; `deployment`, `model`, `operation`, `outcome`;
`order` (`newest` or `oldest`), `limit`, `after`. Of the second: `begun_at`, about when the call began.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from shared.domain.call_story import CallStory
from shared.domain.errors import MalformedRequest, RecordNotFound
from shared.domain.record_columns import record_columns
from shared.domain.record_pages import Order, RecordFilter, RecordPage, RecordPlace
from shared.domain.usage_record import Outcome
from shared.ports.clock import Clock
from shared.usecases.identify_principal import IdentifyPrincipal
from shared.usecases.query_records import QueryRecords, RecordsQuery
from shared.usecases.tell_call import CallQuery, TellCall
from shared.web.calls import credentials_of
from shared.web.errors import answering_errors
from shared.web.findings import finding_body
from shared.web.usage_parameters import known_parameters, parse_limit, parse_period, parse_principal, parse_time

_Choice = TypeVar("_Choice", bound=StrEnum)

_PARAMETERS = frozenset(
    {"from", "to", "principal", "deployment", "model", "operation", "outcome", "order", "limit", "after"}
)
_CALL_PARAMETERS = frozenset({"begun_at"})
_DEFAULT_LIMIT = "100"
_MAX_CURSOR_LENGTH = 1024
# What our ids, and Azure's, are made of.
_CALL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,199}")


class RecordsEndpoint:
    """Answers which calls there were."""

    def __init__(self, identify: IdentifyPrincipal, query_records: QueryRecords, clock: Clock) -> None:
        self._identify = identify
        self._query_records = query_records
        self._clock = clock

    @answering_errors
    async def __call__(self, request: Request) -> Response:
        identified = await self._identify(credentials_of(request))
        parameters = known_parameters(request, _PARAMETERS)
        query = parse_records_query(parameters, self._clock.now())
        page = await self._query_records(query, identified.principal)
        return _json_response(page_body(page, _next_page(parameters, page)))


class CallEndpoint:
    """Answers what became of one call."""

    def __init__(self, identify: IdentifyPrincipal, tell_call: TellCall) -> None:
        self._identify = identify
        self._tell_call = tell_call

    @answering_errors
    async def __call__(self, request: Request) -> Response:
        identified = await self._identify(credentials_of(request))
        parameters = known_parameters(request, _CALL_PARAMETERS)
        query = parse_call_query(request.url.path.rpartition("/")[2], parameters)
        return _json_response(story_body(await self._tell_call(query, identified.principal)))


def parse_records_query(parameters: Mapping[str, str], now: datetime) -> RecordsQuery:
    """
    Return the query that the parameters ask. Without times it is the current month, up to now.

    Raises:
        MalformedRequest: naming the parameter that is wrong.
    """
    begun_from, begun_before = parse_period(parameters, now)
    tenant_id, object_id = parse_principal(parameters.get("principal"))
    return RecordsQuery(
        begun_from=begun_from,
        begun_before=begun_before,
        limit=parse_limit(parameters.get("limit", _DEFAULT_LIMIT)),
        order=_choice(parameters, "order", Order) or Order.NEWEST,
        only=RecordFilter(
            deployment=parameters.get("deployment"),
            model=parameters.get("model"),
            operation=parameters.get("operation"),
            outcome=_choice(parameters, "outcome", Outcome),
        ),
        after=_place(parameters.get("after")),
        of_tenant_id=tenant_id,
        of_object_id=object_id,
    )


def parse_call_query(call_id: str, parameters: Mapping[str, str], *, may_be_prefix: bool = False) -> CallQuery:
    """
    Return the query for one call.

    Raises:
        RecordNotFound: no call can have this id.
        MalformedRequest: naming the parameter that is wrong.
    """
    if not _CALL_ID.fullmatch(call_id):
        raise RecordNotFound("no call has an id of this form")
    begun_at = parse_time(parameters, "begun_at")
    return CallQuery(call_id=call_id, begun_at=begun_at, may_be_prefix=may_be_prefix)


def page_body(page: RecordPage, next_page: str | None) -> dict[str, Any]:
    """Return a page as JSON has it; `next_page` is the query of the page after it."""
    return {
        "from": page.begun_from,
        "to": page.begun_before,
        "records": [record_columns(record) for record in page.records],
        "next": next_page and f"usage/records?{next_page}",
    }


def story_body(story: CallStory) -> dict[str, Any]:
    """Return a call's story as JSON has it."""
    return {
        "record": record_columns(story.record),
        "service_call": story.logged and story.logged.columns(),
        "findings": [finding_body(finding) for finding in story.findings],
        "match": story.match,
    }


def _choice(parameters: Mapping[str, str], name: str, kind: type[_Choice]) -> _Choice | None:
    text = parameters.get(name)
    try:
        return None if text is None else kind(text)
    except ValueError as error:
        raise MalformedRequest(f"{name!r} is one of {', '.join(kind)}") from error


def _place(text: str | None) -> RecordPlace | None:
    if text is None:
        return None
    try:
        said = msgspec.json.decode(
            base64.urlsafe_b64decode(text[:_MAX_CURSOR_LENGTH]), type=tuple[datetime, str, str, str]
        )
        # One without a time zone is not ours, and a time at the end of the calendar may have no UTC.
        return RecordPlace(_aware(said[0]), *said[1:])
    except (binascii.Error, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        raise MalformedRequest("'after' is not what a page before gave as 'next'") from error


def _aware(time: datetime) -> datetime:
    if time.tzinfo is None:
        raise ValueError("it has no time zone")
    return time.astimezone(UTC)


def _next_page(parameters: Mapping[str, str], page: RecordPage) -> str | None:
    """Return the query of the next page, with the same times though the clock goes on."""
    if page.next_place is None:
        return None
    return urlencode(
        {
            **parameters,
            "from": page.begun_from.isoformat(),
            "to": page.begun_before.isoformat(),
            "after": base64.urlsafe_b64encode(msgspec.json.encode(page.next_place)).decode(),
        }
    )


def _json_response(body: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json", headers={"cache-control": "no-store"})
