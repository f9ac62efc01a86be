"""`usage`: which parameters are understood, and that the pages of a report, as JSON or CSV, are the whole of it."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyarrow import parquet
from starlette.requests import Request
from starlette.responses import Response

from shared.adapters.parquet_format import ParquetFormat
from shared.domain.errors import MalformedRequest, StorageUnavailable
from shared.domain.principal import VerifiedClaims
from shared.domain.report_dimensions import Dimension
from shared.domain.usage_record import Charge
from shared.domain.usage_report import Arrangement, ReportShape
from shared.domain.usage_span import UsageSpan
from shared.domain.usage_totals import TOTAL_COLUMNS
from shared.usecases.identify_principal import IdentifyPrincipal
from shared.usecases.query_usage import READ_ALL_ROLE, UsageQuery
from shared.web.usage import UsageEndpoint
from shared.web.usage_parameters import parse_query
from tests.adapters.records import BEGUN_AT, TENANT_ID, record
from tests.fakes import FakeClock, FakeGatewayKeys, FakeTokenVerifier, FakeUsageLedger
from tests.fakes_rollups import FakeUsageEntries, fake_query_usage

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
ALICE, AUDITOR = "alice.a.a", "auditor.a.a"


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


def parsed(**parameters: str) -> UsageQuery:
    return parse_query({name: [text] for name, text in parameters.items()}, NOW)


# Parameters.


def test_without_parameters_it_is_this_month_by_principal() -> None:
    """It is what most people want to know."""
    assert parse_query({}, NOW) == UsageQuery(
        span=UsageSpan(begun_from=utc(2026, 11, 1), begun_before=NOW + timedelta(seconds=1)),
        shape=ReportShape(by=(Dimension.PRINCIPAL,)),
        arrangement=Arrangement(limit=1000),
    )


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-01", utc(2026, 11, 1)),
        ("2026-11-01T09:30:00Z", utc(2026, 11, 1, 9, 30)),
        ("2026-11-01T09:30:00", utc(2026, 11, 1, 9, 30)),
        ("2026-11-01T09:30:00+02:00", utc(2026, 11, 1, 7, 30)),
        ("2026-11-01T09:30:00 02:00", utc(2026, 11, 1, 7, 30)),
        ("2026-11-01T09:30:00-05:30", utc(2026, 11, 1, 15)),
        ("2026-11-01T09:30:00.123456Z", utc(2026, 11, 1, 9, 30, 0, 123456)),
        ("2026-11-01 09:30", utc(2026, 11, 1, 9, 30)),
    ],
)
def test_a_time_is_read_as_it_is_written(text: str, time: datetime) -> None:
    """UTC unless it says otherwise; and the plus that nobody escapes comes as a blank."""
    assert parsed(**{"from": text}).span.begun_from == time


def test_the_last_day_there_is_can_be_asked_for() -> None:
    """No time lies 92 days after it, and that is no error of the caller's."""
    assert parsed(**{"from": "9999-12-31", "to": "9999-12-31T01:00:00"}).span.begun_before == utc(9999, 12, 31, 1)


@pytest.mark.parametrize(
    ("text", "by"),
    [
        ("model", (Dimension.MODEL,)),
        ("day,principal", (Dimension.DAY, Dimension.PRINCIPAL)),
        ("model, deployment ,model", (Dimension.MODEL, Dimension.DEPLOYMENT)),
    ],
)
def test_dimensions_keep_their_order_and_come_once(text: str, by: tuple[Dimension, ...]) -> None:
    """The order is that of the columns; a column that comes twice cannot be a JSON key."""
    assert parsed(by=text).shape.by == by


@pytest.mark.parametrize(
    ("text", "tenant_id", "object_id"),
    [("Bob", None, "bob"), (f"{TENANT_ID.upper()}/BOB", TENANT_ID, "bob")],
)
def test_a_principal_is_an_object_id_with_or_without_its_tenant(
    text: str, tenant_id: str | None, object_id: str
) -> None:
    """Ids are kept in small letters, and people paste them in either."""
    query = parsed(principal=text)

    assert (query.of_tenant_id, query.of_object_id) == (tenant_id, object_id)


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"from": "yesterday"}, "'from'"),
        ({"from": ""}, "'from'"),
        ({"to": "2026-13-01"}, "'to'"),
        ({"to": "2026-11-01T25:00:00Z"}, "'to'"),
        ({"from": "0001-01-01T00:00:00+14:00"}, "'from'"),
        ({"to": "9999-12-31T23:59:59-14:00"}, "'to'"),
        ({"from": "2026-11-02", "to": "2026-11-01"}, "'to'"),
        ({"from": "2026-11-01", "to": "2026-11-01"}, "'to'"),
        ({"from": "2026-01-01", "to": "2026-12-01", "by": "hour"}, "92 days"),
        ({"from": "2020-01-01", "to": "2026-12-01"}, "1100 days"),
        ({"sort": "size"}, "'sort'"),
        ({"sort": "--calls"}, "'sort'"),
        ({"sort": "model"}, "'sort'"),
        ({"top": "0"}, "'top'"),
        ({"top": "5", "limit": "5"}, "'top'"),
        ({"compare": "last"}, "'compare'"),
        ({"compare": "previous", "by": "day"}, "'compare'"),
        ({"percentiles": "yes"}, "'percentiles'"),
        ({"percentiles": "true", "by": "hour"}, "'percentiles'"),
        ({"sort": "calls", "after": "W251bGwsImEiLCJiIl0="}, "'after'"),
        ({"sort": "calls", "after": "WyJOYU4iLCJhIiwiYiJd"}, "'after'"),
        ({"from": "2027-01-01"}, "'to'"),
        ({"by": ""}, "'by'"),
        ({"by": "model,"}, "'by'"),
        ({"by": "Model"}, "'by'"),
        ({"by": "team"}, "'by'"),
        ({"limit": "0"}, "'limit'"),
        ({"limit": "1001"}, "'limit'"),
        ({"limit": "-1"}, "'limit'"),
        ({"limit": "+1"}, "'limit'"),
        ({"limit": "1.0"}, "'limit'"),
        ({"limit": ""}, "'limit'"),
        ({"limit": "²"}, "'limit'"),
        ({"limit": "٣"}, "'limit'"),
        ({"limit": "9" * 5000}, "'limit'"),
        ({"limit": "000000001" + "9" * 9}, "'limit'"),
        ({"limit": "000000001" + "9" * 5000}, "'limit'"),
        ({"after": ""}, "'after'"),
        ({"after": "x"}, "'after'"),
        ({"after": "é"}, "'after'"),
        ({"after": "bnVsbA=="}, "'after'"),
        ({"after": "WzEsMl0="}, "'after'"),
        ({"after": "WyJhIl0="}, "'after'"),
        ({"principal": f"{TENANT_ID}/"}, "'principal'"),
        ({"principal": "/"}, "'principal'"),
        ({"principal": ""}, "'principal'"),
    ],
)
def test_what_cannot_be_understood_is_refused_by_name(parameters: dict[str, str], named: str) -> None:
    """A report of something else than was asked looks just like the right one."""
    with pytest.raises(MalformedRequest, match=named):
        parsed(**parameters)


_values = st.one_of(
    st.text(max_size=30),
    st.from_regex(r"[0-9]{1,15}", fullmatch=True),
    st.datetimes().map(datetime.isoformat),
    st.datetimes(timezones=st.timezones()).map(datetime.isoformat),
    st.lists(st.sampled_from([*Dimension, ""]), max_size=3).map(",".join),
    st.from_regex(r"[A-Za-z0-9_=-]{0,20}", fullmatch=True),
)
_parameters = st.dictionaries(
    st.sampled_from(["from", "to", "by", "principal", "limit", "after", "sort", "top"]), _values
)


@given(_parameters)
@example({"from": "9999-12-31", "to": "9999-12-31T01:00:00"})
def test_any_parameters_are_a_query_or_malformed(parameters: dict[str, str]) -> None:
    """Anything else would be a 500, which says that we are broken, and pages somebody."""
    try:
        query = parsed(**parameters)
    except MalformedRequest:
        return

    span = query.span
    assert timedelta(0) < span.begun_before - span.begun_from <= timedelta(days=1100)
    assert span.begun_from.utcoffset() == span.begun_before.utcoffset() == timedelta(0)
    assert 1 <= query.arrangement.limit <= 1000
    assert query.shape.by


# Reports.


@pytest.fixture
def ledger() -> FakeUsageLedger:
    return FakeUsageLedger()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


class Usage:
    """The endpoint, and how to ask it."""

    def __init__(self, ledger: FakeUsageLedger, clock: FakeClock) -> None:
        tokens = {
            ALICE: VerifiedClaims({"tid": TENANT_ID, "oid": "alice"}),
            AUDITOR: VerifiedClaims({"tid": TENANT_ID, "oid": "auditor", "roles": [READ_ALL_ROLE]}),
        }
        identify = IdentifyPrincipal(keys=FakeGatewayKeys(), clock=clock, verifier=FakeTokenVerifier(tokens))
        self.entries: FakeUsageEntries
        query_usage, self.entries = fake_query_usage(ledger, NOW)
        self._endpoint = UsageEndpoint(identify, query_usage, clock, ParquetFormat())
        self._mine = UsageEndpoint(identify, query_usage, clock, ParquetFormat(), only_mine=True)

    async def __call__(
        self, query: str = "", *, token: str | None = AUDITOR, known: str | None = None, mine: bool = False
    ) -> Response:
        headers = [(b"authorization", b"Bearer " + token.encode())] if token else []
        headers += [(b"if-none-match", known.encode())] if known else []
        return await (self._mine if mine else self._endpoint)(
            Request({"type": "http", "method": "GET", "query_string": query.encode(), "headers": headers})
        )

    async def json(self, query: str = "", *, token: str = AUDITOR) -> dict[str, Any]:
        response = await self(query, token=token)
        assert response.status_code == 200, response.body
        parsed: dict[str, Any] = json.loads(bytes(response.body))
        return parsed

    async def csv(self, query: str) -> tuple[list[dict[str, str]], str | None]:
        """Return the rows, and the link to the next page."""
        response = await self(query + "&format=csv")
        assert response.status_code == 200, response.body
        return list(csv.DictReader(io.StringIO(bytes(response.body).decode()))), response.headers.get("link")


@pytest.fixture
def usage(ledger: FakeUsageLedger, clock: FakeClock) -> Usage:
    return Usage(ledger, clock)


async def put(ledger: FakeUsageLedger, *object_ids: str, name: str | None = "Alice Example") -> None:
    """Keep one record for each, a second apart, of 1, 2, 3… prompt tokens."""
    for number, object_id in enumerate(object_ids):
        each = record(
            f"c{len(ledger.records)}",
            begun_at=BEGUN_AT + timedelta(seconds=number),
            object_id=object_id,
            prompt_tokens=number + 1,
        )
        named = replace(each.call, principal=replace(each.call.principal, name=name))
        await ledger.end(replace(each, call=named))


async def test_a_report_has_rows_totals_and_what_was_asked(usage: Usage, ledger: FakeUsageLedger) -> None:
    """Who reads it later must know what it is a report of."""
    await put(ledger, "alice", "bob", "alice")
    report = await usage.json("from=2026-11-01&to=2026-12-01&by=principal")

    assert (report["from"], report["to"], report["by"]) == (
        "2026-11-01T00:00:00Z",
        "2026-12-01T00:00:00Z",
        ["principal"],
    )
    assert [(row["object_id"], row["calls"], row["prompt_tokens"]) for row in report["rows"]] == [
        ("alice", 2, 4),
        ("bob", 1, 2),
    ]
    assert report["rows"][0]["principal_name"] == "Alice Example"
    assert report["totals"].keys() == set(TOTAL_COLUMNS)
    assert report["totals"]["prompt_tokens"] == 6
    assert report["next"] is None


async def test_csv_has_the_same_rows(usage: Usage, ledger: FakeUsageLedger) -> None:
    """The one for programs, the other for spreadsheets."""
    await put(ledger, "alice", "bob", "alice")
    rows, link = await usage.csv("by=principal,model")
    as_json = (await usage.json("by=principal,model"))["rows"]

    assert rows == [{name: "" if cell is None else str(cell) for name, cell in row.items()} for row in as_json]
    assert list(rows[0]) == list(as_json[0])
    assert link is None


async def test_costs_are_text_in_full(usage: Usage, ledger: FakeUsageLedger) -> None:
    """A reader that makes a float of a number would round somebody's bill."""
    cost = Charge(cost_usd=Decimal("1E-7"), price_source="settings")
    await ledger.end(replace(record("c1"), charge=cost))
    await ledger.end(replace(record("c2"), charge=replace(cost, cost_usd=Decimal("12345678901234.50"))))
    report, (rows, _) = await usage.json(), await usage.csv("")

    assert report["totals"]["cost_usd"] == "12345678901234.5000001"
    assert (report["totals"]["calls_unpriced"], rows[0]["cost_usd"]) == (0, "12345678901234.5000001")


async def test_a_report_by_principal_and_deployment_shares_out_what_is_provisioned(
    usage: Usage, ledger: FakeUsageLedger
) -> None:
    """It has a price by the hour and none by the token."""
    await ledger.end(replace(record("c1", object_id="alice", prompt_tokens=70), charge=Charge(provisioned=True)))
    await ledger.end(replace(record("c2", object_id="bob", prompt_tokens=270), charge=Charge(provisioned=True)))
    report = await usage.json("by=principal,deployment")

    assert [(row["object_id"], row["deployment_share"]) for row in report["rows"]] == [
        ("alice", "0.25"),
        ("bob", "0.75"),
    ]


async def test_what_nobody_used_is_an_empty_report(usage: Usage) -> None:
    """Not an error: the query was a good one."""
    report = await usage.json()
    rows, _ = await usage.csv("")

    assert (report["rows"], report["totals"]["calls"], rows) == ([], 0, [])


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
async def test_the_pages_together_are_the_report(usage: Usage, ledger: FakeUsageLedger, limit: int) -> None:
    """Each row once, and on each page the totals of all."""
    await put(ledger, *"bdacgfe")
    whole = await usage.json()
    pages = [await usage.json(f"limit={limit}")]
    while next_page := pages[-1]["next"]:
        pages.append(await usage.json(next_page.removeprefix("usage?")))

    assert [row for page in pages for row in page["rows"]] == whole["rows"]
    assert all(page["totals"] == whole["totals"] for page in pages)
    assert len(pages) == -(-7 // limit)


async def test_the_pages_of_csv_are_linked(usage: Usage, ledger: FakeUsageLedger) -> None:
    """A CSV has no place for it, so it is where RFC 8288 says."""
    await put(ledger, *"abc")
    first, link = await usage.csv("limit=2")
    assert link is not None
    target, _, relation = link.partition("; ")
    response = await usage(target.removeprefix("<usage?").removesuffix(">"))
    second = list(csv.DictReader(io.StringIO(bytes(response.body).decode())))

    assert relation == 'rel="next"'
    assert [row["object_id"] for row in first + second] == ["a", "b", "c"]
    assert "link" not in response.headers


async def test_the_next_page_is_of_the_same_times_though_the_clock_goes_on(
    usage: Usage, ledger: FakeUsageLedger, clock: FakeClock
) -> None:
    """Else what is used between two pages is in the totals of one and not of the other."""
    await put(ledger, *"abc")
    first = await usage.json("limit=1&from=2026-11-23T10:00:00%2B02:00")
    clock.advance(40 * 24 * 3600)
    second = await usage.json(first["next"].removeprefix("usage?"))

    assert (second["from"], second["to"]) == (first["from"], first["to"])
    assert first["from"] == "2026-11-23T08:00:00Z"


async def test_the_next_page_asks_for_the_same_and_holds_no_key(usage: Usage, ledger: FakeUsageLedger) -> None:
    """`code` is a function key: it came in the query, and must not go back in a body."""
    await put(ledger, *"abc")
    asked = {"by": "principal,day", "limit": "1", "format": "json", "code": "s3cret"}
    report = await usage.json(urlencode(asked))
    again = parse_qs(report["next"].removeprefix("usage?"))

    assert {name: again[name] for name in ("by", "limit", "format")} == {
        "by": ["principal,day"],
        "limit": ["1"],
        "format": ["json"],
    }
    assert again.keys() == {"by", "limit", "format", "from", "to", "after"}


@pytest.mark.parametrize(
    "name",
    ["=1+1", "+1", "-1", "@SUM(A1)", '=cmd|"/c calc"!A1'],
)
async def test_no_name_is_a_formula(usage: Usage, ledger: FakeUsageLedger, name: str) -> None:
    """The report is opened by somebody who may pay bills, and names are what people call themselves."""
    await put(ledger, "alice", name=name)
    rows, _ = await usage.csv("")

    assert rows[0]["principal_name"] == f"'{name}"
    assert (await usage.json())["rows"][0]["principal_name"] == name


@pytest.mark.parametrize("name", ["\t=1", "\r=1", "two\nlines", "\x1b[31m=1"])
async def test_a_control_character_is_no_part_of_a_table(usage: Usage, ledger: FakeUsageLedger, name: str) -> None:
    """It hides a formula from who looks, and a reader that splits lines takes one row for two."""
    await put(ledger, "alice", name=name)
    rows, _ = await usage.csv("")

    assert re.sub("[\t\r\n\x1b]", "\N{REPLACEMENT CHARACTER}", name) == rows[0]["principal_name"]
    assert (await usage.json())["rows"][0]["principal_name"] == name


@pytest.mark.parametrize("name", ["Zoë Müller-Łuk", "田中 太郎", "🦊, “quoted”", 'a"b,c;d', None])
async def test_any_name_comes_through(usage: Usage, ledger: FakeUsageLedger, name: str | None) -> None:
    """And breaks no row."""
    await put(ledger, "alice", "bob", name=name)
    rows, _ = await usage.csv("")

    assert [row["principal_name"] for row in rows] == [name or ""] * 2
    assert (await usage.json())["rows"][0]["principal_name"] == (name or "")


@pytest.mark.parametrize(("form", "media"), [("json", "application/json"), ("csv", "text/csv; charset=utf-8")])
async def test_no_cache_keeps_a_report(usage: Usage, form: str, media: str) -> None:
    """It is one person's, and changes by the second."""
    response = await usage(f"format={form}")

    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"] == media


async def test_who_may_not_read_all_gets_its_own(usage: Usage, ledger: FakeUsageLedger) -> None:
    """Rows as totals."""
    await put(ledger, "alice", "bob")
    report = await usage.json(token=ALICE)

    assert [row["object_id"] for row in report["rows"]] == ["alice"]
    assert report["totals"]["calls"] == 1


@pytest.mark.parametrize("principal", ["bob", f"{TENANT_ID}/bob", "elsewhere/alice", "o'brien' or 'a' eq 'a"])
async def test_who_may_not_read_all_may_not_ask_for_another(usage: Usage, principal: str) -> None:
    """It is told which role that takes."""
    response = await usage(urlencode({"principal": principal}), token=ALICE)

    assert response.status_code == 403
    assert READ_ALL_ROLE.encode() in response.body


@pytest.mark.parametrize(
    ("query", "token", "status"),
    [
        ("", None, 401),
        ("", "a.b.c", 401),
        ("limit=nonsense", None, 401),
        ("limit=nonsense", ALICE, 400),
        ("format=xml", ALICE, 400),
        ("frm=2026-11-01", ALICE, 400),
        ("by=principal&by=team", ALICE, 400),
    ],
)
async def test_what_is_wrong_is_an_error_and_no_report(
    usage: Usage, query: str, token: str | None, status: int
) -> None:
    """Who is asking comes before what."""
    response = await usage(query, token=token)

    assert response.status_code == status
    assert json.loads(bytes(response.body))["error"]["message"]


async def test_a_ledger_that_cannot_be_read_is_an_error(usage: Usage, ledger: FakeUsageLedger) -> None:
    """An empty report would be a cheap month."""
    await put(ledger, "alice")
    usage.entries.failure = StorageUnavailable("table usage of account x")
    response = await usage()

    assert response.status_code == 503
    assert b"account x" not in response.body


async def test_parquet_has_the_same_rows(usage: Usage, ledger: FakeUsageLedger) -> None:
    """With types of their own, and the columns there though nobody used anything."""
    await put(ledger, "alice", "bob", "alice")
    response = await usage("by=principal,day&format=parquet&percentiles=true&compare=previous&by=principal")
    table = parquet.read_table(io.BytesIO(bytes(response.body)))
    as_json = (await usage.json("by=principal&percentiles=true&compare=previous"))["rows"]

    assert table.column_names == list(as_json[0])
    assert table.column("total_tokens").to_pylist() == [row["total_tokens"] for row in as_json]
    assert response.headers["content-type"] == "application/vnd.apache.parquet"


async def test_what_the_caller_has_is_not_sent_again(usage: Usage, ledger: FakeUsageLedger) -> None:
    """A page that asks each minute pays for what has changed."""
    await put(ledger, "alice")
    first = await usage("to=2026-12-01")
    again = await usage("to=2026-12-01", known=f'"other", W/{first.headers["etag"]}')
    await put(ledger, "alice", "bob")
    changed = await usage("to=2026-12-01", known=first.headers["etag"])

    assert (again.status_code, again.body, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]


async def test_usage_me_is_the_callers_own_whatever_its_roles(usage: Usage, ledger: FakeUsageLedger) -> None:
    """And it pages where it began."""
    await put(ledger, "auditor", "alice", "auditor")
    response = await usage("by=principal,hour,outcome&limit=1", mine=True)
    report = json.loads(bytes(response.body))

    assert {row["object_id"] for row in report["rows"]} == {"auditor"}
    assert report["rows"][0]["hour"] == "2026-11-23T09:00:00Z"
    assert (await usage("principal=alice", mine=True)).status_code == 400


async def test_a_filter_may_be_repeated_or_listed(usage: Usage, ledger: FakeUsageLedger) -> None:
    """Any of those; and what is not known is asked for by nothing."""
    await put(ledger, "alice")
    await ledger.end(replace(record("x"), call=replace(record("x").call, deployment="other", user_label=None)))

    for query, calls in [
        ("deployment=gpt-4o", 1),
        ("deployment=gpt-4o&deployment=other", 2),
        ("deployment=gpt-4o,other", 2),
        ("deployment=gpt-4o,other&label=", 1),
        ("outcome=abandoned", 0),
    ]:
        assert (await usage.json(query))["totals"]["calls"] == calls, query


async def test_the_others_are_the_last_row_of_a_table(usage: Usage, ledger: FakeUsageLedger) -> None:
    """A file without them would add up to less than was used."""
    await put(ledger, "alice", "bob", "carol")
    rows, _ = await usage.csv("top=1&percentiles=true&compare=previous")

    assert [(row["tenant_id"], row["object_id"], row["prompt_tokens"]) for row in rows] == [
        (TENANT_ID, "carol", "3"),
        ("(others)", "(others)", "3"),
    ]
    assert (rows[1]["principal_name"], rows[1]["latency_p50_ms"], rows[1]["previous_calls"]) == ("", "", "0")


async def test_the_top_rows_come_first_and_the_others_are_summed(usage: Usage, ledger: FakeUsageLedger) -> None:
    """By tokens, unless another column is named."""
    await put(ledger, "alice", "bob", "carol")
    report = await usage.json("top=1")
    by_key = await usage.json("top=2&sort=object_id")

    assert [row["object_id"] for row in report["rows"]] == ["carol"]
    assert (report["others"]["calls"], report["next"]) == (2, None)
    assert [row["object_id"] for row in by_key["rows"]] == ["alice", "bob"]


@pytest.mark.parametrize("sort", ["-prompt_tokens", "cost_usd", "-object_id"])
async def test_pages_keep_their_order(usage: Usage, ledger: FakeUsageLedger, sort: str) -> None:
    """Whatever rows are sorted by, each comes once."""
    await put(ledger, *"bdac")
    whole = await usage.json(f"sort={sort}")
    pages = [await usage.json(f"sort={sort}&limit=1")]
    while next_page := pages[-1]["next"]:
        pages.append(await usage.json(next_page.removeprefix("usage?")))

    assert [row for page in pages for row in page["rows"]] == whole["rows"]
