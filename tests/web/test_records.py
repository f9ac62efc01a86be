"""`usage/records` and `usage/records/{call_id}`: parameters, pages, and that nobody learns of another's calls."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response

from shared.adapters.usage_columns import usage_entity
from shared.domain.call_story import LoggedCall
from shared.domain.errors import MalformedRequest, RecordNotFound, StorageUnavailable
from shared.domain.logs.entries import ServiceCall
from shared.domain.principal import VerifiedClaims
from shared.domain.record_pages import Order, RecordFilter
from shared.domain.usage_record import Outcome
from shared.usecases.identify_principal import IdentifyPrincipal
from shared.usecases.query_records import QueryRecords, RecordsQuery
from shared.usecases.query_usage import READ_ALL_ROLE
from shared.usecases.tell_call import TellCall
from shared.web.records import CallEndpoint, RecordsEndpoint, parse_call_query, parse_records_query
from tests.adapters.records import BEGUN_AT, TENANT_ID, record
from tests.fakes import FakeClock, FakeGatewayKeys, FakeTokenVerifier
from tests.fakes_reconciliation import FakeFindings
from tests.fakes_records import FakeCallLog, FakeRecordSearch
from tests.findings import about_call, finding

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
ALICE, BOB, AUDITOR = "alice.a.a", "bob.a.a", "auditor.a.a"


class Endpoints:
    """Both endpoints over one ledger, and how to ask them."""

    def __init__(self, *records: Any) -> None:
        tokens = {
            ALICE: VerifiedClaims({"tid": TENANT_ID, "oid": "alice"}),
            BOB: VerifiedClaims({"tid": TENANT_ID, "oid": "bob"}),
            AUDITOR: VerifiedClaims({"tid": TENANT_ID, "oid": "auditor", "roles": [READ_ALL_ROLE]}),
        }
        clock, self.search = FakeClock(NOW), FakeRecordSearch(records)
        identify = IdentifyPrincipal(keys=FakeGatewayKeys(), clock=clock, verifier=FakeTokenVerifier(tokens))
        logged = FakeCallLog(**{"0f0e0d0c": LoggedCall(call=ServiceCall("/sub", "0f0e0d0c", NOW, status=200))})
        self.findings = FakeFindings()
        self._records = RecordsEndpoint(identify, QueryRecords(self.search, clock), clock)
        self._call = CallEndpoint(identify, TellCall(self.search, logged, self.findings, clock))

    async def records(self, query: str = "", *, token: str | None = AUDITOR) -> Response:
        return await self._records(_request("/usage/records", query, token))

    async def call(self, call_id: str, query: str = "", *, token: str | None = AUDITOR) -> Response:
        return await self._call(_request(f"/usage/records/{call_id}", query, token))


def _request(path: str, query: str, token: str | None) -> Request:
    return Request(
        {
            "type": "http",
            "method": "GET",
            "path": path,
            "query_string": query.encode(),
            "headers": [(b"authorization", b"Bearer " + token.encode())] if token else [],
        }
    )


def body(response: Response, status: int = 200) -> dict[str, Any]:
    assert response.status_code == status, response.body
    parsed: dict[str, Any] = json.loads(bytes(response.body))
    return parsed


async def test_a_record_has_the_columns_of_the_table() -> None:
    """Whoever wrote a query against the table need learn no other names."""
    each = record("c1")
    page = body(await Endpoints(each).records("from=2026-11-01&to=2026-12-01"))
    (row,) = page["records"]
    columns = usage_entity(each).properties

    assert (page["from"], page["to"], page["next"]) == ("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z", None)
    assert {name: row[name] for name in columns} == {
        name: value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
        for name, value in columns.items()
    }


async def test_pages_follow_their_next_to_the_end() -> None:
    """`next` is taken as it is; it keeps the filters, the order and the times."""
    records = [record(f"c{number}", begun_at=BEGUN_AT + timedelta(seconds=number)) for number in range(7)]
    records.append(replace(record("other"), model="another"))
    endpoints = Endpoints(*records)
    for order, expected in [("newest", range(6, -1, -1)), ("oldest", range(7))]:
        found, query = [], f"limit=3&order={order}&model=gpt-4o-2024-11-20"
        while query:
            page = body(await endpoints.records(query))
            found += [row["call_id"] for row in page["records"]]
            query = (page["next"] or "").removeprefix("usage/records?")

        assert found == [f"c{number}" for number in expected]


async def test_no_answer_is_kept_by_anybody_on_the_way() -> None:
    """It is one principal's business."""
    endpoints = Endpoints(record("c1"))
    responses = [await endpoints.records(), await endpoints.call("c1")]

    assert [each.headers["cache-control"] for each in responses] == ["no-store", "no-store"]


def test_without_parameters_it_is_this_months_newest_hundred() -> None:
    """What one looks for when something has just gone wrong."""
    assert parse_records_query({}, NOW) == RecordsQuery(
        begun_from=datetime(2026, 11, 1, tzinfo=UTC), begun_before=NOW + timedelta(seconds=1), limit=100
    )


def test_every_parameter_is_read() -> None:
    """One that were passed over would answer something else than was asked."""
    query = parse_records_query(
        {
            "principal": f"{TENANT_ID}/Bob",
            "deployment": "d",
            "model": "",
            "operation": "embeddings",
            "outcome": "timed_out",
            "order": "oldest",
            "limit": "1000",
        },
        NOW,
    )

    assert (query.of_tenant_id, query.of_object_id, query.order, query.limit) == (TENANT_ID, "bob", Order.OLDEST, 1000)
    assert query.only == RecordFilter(deployment="d", model="", operation="embeddings", outcome=Outcome.TIMED_OUT)


def cursor(value: Any) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).decode()


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"order": "random"}, "'order' is one of newest, oldest"),
        ({"outcome": "fine"}, "'outcome' is one of completed, .*"),
        ({"limit": "1001"}, "'limit'"),
        ({"from": "x"}, "'from'"),
        ({"principal": "/"}, "'principal'"),
        ({"after": ""}, "'after'"),
        ({"after": "é"}, "'after'"),
        ({"after": "x" * 100_000}, "'after'"),
        ({"after": cursor(["2026-11-23T09:00:00", "c", "t", "o"])}, "'after'"),
        ({"after": cursor(["0001-01-01T00:00:00+14:00", "c", "t", "o"])}, "'after'"),
        ({"after": cursor(["9999-12-31T23:59:59-14:00", "c", "t", "o"])}, "'after'"),
        ({"after": cursor(["2026-11-23T09:00:00Z", "c", "t"])}, "'after'"),
        ({"after": cursor([1, 2, 3, 4])}, "'after'"),
        ({"after": cursor({"a": 1})}, "'after'"),
        ({"after": base64.urlsafe_b64encode(b"[" * 600).decode()}, "'after'"),
    ],
)
def test_what_cannot_be_understood_is_refused_by_name(parameters: dict[str, str], named: str) -> None:
    """Records of something else than was asked look just like the right ones."""
    with pytest.raises(MalformedRequest, match=named):
        parse_records_query(parameters, NOW)


_texts = st.text(max_size=30) | st.binary(max_size=60).map(lambda data: base64.urlsafe_b64encode(data).decode())
_places = st.tuples(st.datetimes().map(datetime.isoformat) | st.text(max_size=5), st.text(), st.text(), st.text())


@given(st.dictionaries(st.sampled_from(["order", "outcome", "after", "limit", "model"]), _texts | _places.map(cursor)))
def test_any_parameters_are_a_query_or_malformed(parameters: dict[str, str]) -> None:
    """Anything else would be a 500, which says that we are broken, and pages somebody."""
    try:
        query = parse_records_query(parameters, NOW)
    except MalformedRequest:
        return

    assert query.after is None or query.after.begun_at.utcoffset() == timedelta(0)


async def test_an_unknown_parameter_is_refused() -> None:
    """A slip of the pen in a filter would show everything."""
    endpoints = Endpoints(record("c1"))

    assert "'deploiment'" in body(await endpoints.records("deploiment=x"), 400)["error"]["message"]
    assert "'from'" in body(await endpoints.call("c1", "from=2026-11-01"), 400)["error"]["message"]


async def test_ones_own_records_alone_are_seen_without_the_role() -> None:
    """Asked for or not; to ask for another's is an error."""
    endpoints = Endpoints(record("c1"), record("c2", object_id="bob"))
    own = body(await endpoints.records(token=ALICE))["records"]
    made_up = urlencode({"after": cursor(["2026-11-24T00:00:00Z", "z", TENANT_ID, "bob"])})
    behind = body(await endpoints.records(made_up, token=ALICE))["records"]
    refused = body(await endpoints.records("principal=bob", token=ALICE), 403)

    assert [row["call_id"] for row in own] == [row["call_id"] for row in behind] == ["c1"]
    assert refused["error"]["code"] == "not_allowed"


async def test_a_call_is_told_whole() -> None:
    """Our record, Azure's line, and what does not add up."""
    endpoints = Endpoints(record("c1"))
    await endpoints.findings.put(finding(about_call("c1")))
    story = body(await endpoints.call("c1"))

    assert story["record"]["call_id"] == "c1"
    assert (story["service_call"]["correlation_id"], story["service_call"]["logged_at"]) == (
        "0f0e0d0c",
        "2026-11-23T09:30:00Z",
    )
    assert [(each["kind"], each["occurrences"]) for each in story["findings"]] == [("token_counts_differ", 2)]
    assert story["match"] == "id"


async def test_a_call_that_azure_has_not_logged_says_so() -> None:
    """Null, and why."""
    story = body(await Endpoints(replace(record("c9"), apim_request_id=None)).call("c9"))

    assert (story["service_call"], story["findings"], story["match"]) == (None, [], "late")


async def test_anothers_call_and_none_are_the_same_answer() -> None:
    """A 403 would say that there is one."""
    endpoints = Endpoints(record("c1"))
    answers = [await endpoints.call(call_id, token=BOB) for call_id in ("c1", "c2")]

    assert [each.status_code for each in answers] == [404, 404]
    assert answers[0].body == answers[1].body
    assert body(answers[0], 404)["error"]["code"] == "record_not_found"


@pytest.mark.parametrize("call_id", ["", "c 1", "c'1", "c1\n", "é", "x" * 201, "%", "..", "~"])
def test_an_id_that_can_be_none_is_not_looked_for(call_id: str) -> None:
    """It would go into a filter, and into keys."""
    with pytest.raises(RecordNotFound):
        parse_call_query(call_id, {})


async def test_a_hint_is_read() -> None:
    """Which finds what is older than a month."""
    endpoints = Endpoints(record("c1", begun_at=BEGUN_AT - timedelta(days=300)))
    hint = (BEGUN_AT - timedelta(days=300)).date()

    assert body(await endpoints.call("c1"), 404)["error"]["code"] == "record_not_found"
    assert body(await endpoints.call("c1", f"begun_at={hint}"))["record"]["call_id"] == "c1"
    assert "'begun_at'" in body(await endpoints.call("c1", "begun_at=then"), 400)["error"]["message"]


async def test_a_hint_at_the_end_of_the_calendar_is_malformed() -> None:
    """No hour lies behind it."""
    for hint in ("9999-12-31T23:59:59", "0001-01-01"):
        response = await Endpoints(record("c1")).call("c1", f"begun_at={hint}")

        assert body(response, 400)["error"]["code"] == "malformed_request"


@pytest.mark.parametrize("token", [None, "nobody.a.a"])
async def test_who_proves_nothing_is_told_nothing(token: str | None) -> None:
    """Before anything is read."""
    endpoints = Endpoints(record("c1"))
    endpoints.search.failure = StorageUnavailable("down")

    assert (await endpoints.records(token=token)).status_code == 401
    assert (await endpoints.call("c1", token=token)).status_code == 401


async def test_storage_in_trouble_is_503() -> None:
    """The same request may succeed later; it is not that there are no records."""
    endpoints = Endpoints(record("c1"))
    endpoints.search.failure = StorageUnavailable("down")

    assert body(await endpoints.records(), 503)["error"]["code"] == "storage_unavailable"
    assert body(await endpoints.call("c1"), 503)["error"]["code"] == "storage_unavailable"
