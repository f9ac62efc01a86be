"""What the triggers run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from shared.domain.errors import OurError
from shared.web.errors import error_response

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """What the triggers run."""

    relay_call: Endpoint
    query_usage: Endpoint
    query_my_usage: Endpoint
    query_drift: Endpoint
    usage_page: Endpoint
    usage_page_me: Endpoint
    query_records: Endpoint
    tell_call: Endpoint
    query_findings: Endpoint
    accept_finding: Endpoint
    query_reconciliation: Endpoint
    describe_api: Endpoint
    health: Endpoint
    sweep_open_calls: Callable[[], Awaitable[None]]
    reconcile_usage: Callable[[], Awaitable[None]]
    roll_up_usage: Callable[[], Awaitable[object]]
    ingest_logs: Callable[[], Awaitable[object]]
    ingest_log_blob: Callable[[str], Awaitable[object]]
    export_usage: Callable[[], Awaitable[None]]
    ingest_log_events: Callable[[str, Sequence[bytes]], Awaitable[object]]
    close: Callable[[], Awaitable[None]]


def refusal(error: OurError) -> App:
    """Return an app that answers every request with this error."""

    async def refuse(request: Request) -> Response:  # noqa: ARG001 - an endpoint
        return error_response(error)

    async def fail(*_: object) -> None:
        raise error

    async def close() -> None:
        return None

    return App(
        relay_call=refuse,
        query_usage=refuse,
        query_my_usage=refuse,
        query_drift=refuse,
        usage_page=refuse,
        usage_page_me=refuse,
        query_records=refuse,
        tell_call=refuse,
        query_findings=refuse,
        accept_finding=refuse,
        query_reconciliation=refuse,
        describe_api=refuse,
        health=refuse,
        sweep_open_calls=fail,
        reconcile_usage=fail,
        roll_up_usage=fail,
        ingest_logs=fail,
        ingest_log_blob=fail,
        ingest_log_events=fail,
        export_usage=fail,
        close=close,
    )
