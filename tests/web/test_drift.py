"""`usage/drift` over HTTP."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from starlette.requests import Request

from shared.domain.gateway_key import GatewayKey, hash_key
from shared.domain.principal import Principal
from shared.domain.usage_record import CountAudit
from shared.usecases.identify_principal import IdentifyPrincipal
from shared.usecases.query_drift import QueryDrift
from shared.usecases.query_usage import READ_ALL_ROLE
from shared.web.drift import DriftEndpoint
from tests.adapters.records import record
from tests.fakes import FakeClock, FakeGatewayKeys, FakeUsageLedger, FakeUsageRecords

CLOCK = FakeClock()
AUDIT = CountAudit(prompt_tokens=13, completion_tokens=30, method="m", shape="plain")


async def ask(query: bytes = b"", *, roles: frozenset[str] = frozenset({READ_ALL_ROLE})) -> tuple[int, Any]:
    ledger = FakeUsageLedger()
    await ledger.end(replace(record(begun_at=CLOCK.now()), audit=AUDIT))
    key = GatewayKey(
        key_hash=hash_key("key"), principal=Principal.from_name("finance", roles=roles), issued_at=CLOCK.now()
    )
    endpoint = DriftEndpoint(
        IdentifyPrincipal(keys=FakeGatewayKeys(key), clock=CLOCK), QueryDrift(FakeUsageRecords(ledger)), CLOCK
    )
    scope = {"type": "http", "method": "GET", "headers": [(b"api-key", b"key")], "query_string": query}
    response = await endpoint(Request(scope))
    return response.status_code, json.loads(bytes(response.body))


async def test_rows_say_where_the_counts_part() -> None:
    """One model and shape a row."""
    status, body = await ask()

    assert status == 200
    (row,) = body["rows"]
    assert (row["model"], row["shape"], row["calls"], row["prompt_exact"]) == ("gpt-4o-2024-11-20", "plain", 1, 0)
    assert row["prompt_p95_error"] == 1


async def test_it_is_for_those_who_may_see_everybody() -> None:
    """It is made of all calls."""
    status, body = await ask(roles=frozenset())

    assert (status, body["error"]["code"]) == (403, "not_allowed")


async def test_a_parameter_it_does_not_know_is_named() -> None:
    """A typing error must not answer another question."""
    status, body = await ask(b"by=model")

    assert status == 400
    assert "'by'" in body["error"]["message"]
