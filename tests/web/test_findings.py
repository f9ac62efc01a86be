"""`findings`, `findings/{id}` and `reconciliation` over HTTP."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from starlette.requests import Request

from shared.domain.findings.evidence import evidence
from shared.domain.findings.finding import FindingKind, Part, Severity, Subject, with_part
from shared.domain.gateway_key import GatewayKey, hash_key
from shared.domain.principal import Principal
from shared.domain.reconciliation.totals import HourTotals
from shared.domain.reconciliation.windows import Window, WindowState
from shared.usecases.accept_finding import ACCEPT_ROLE, AcceptFinding
from shared.usecases.identify_principal import IdentifyPrincipal
from shared.usecases.query_findings import QueryFindings
from shared.usecases.query_reconciliation import QueryReconciliation
from shared.usecases.query_usage import READ_ALL_ROLE
from shared.web.findings import AcceptFindingEndpoint, FindingsEndpoint
from shared.web.reconciliation import ReconciliationEndpoint
from tests.fakes import FakeClock, FakeGatewayKeys
from tests.fakes_reconciliation import FakeFindings, FakeWindows
from tests.usecases.reconciling import NOW, RESOURCE

ALL_ROLES = frozenset({READ_ALL_ROLE, ACCEPT_ROLE})


class Site:
    """The endpoints, over findings in memory; `ask` is as the principal `finance`."""

    def __init__(self, roles: frozenset[str] = ALL_ROLES) -> None:
        self.clock = FakeClock(NOW)
        self.content_type = "application/json"
        self.findings, self.windows = FakeFindings(), FakeWindows()
        key = GatewayKey(key_hash=hash_key("key"), principal=Principal.from_name("finance", roles=roles), issued_at=NOW)
        identify = IdentifyPrincipal(keys=FakeGatewayKeys(key), clock=self.clock)
        self._list = FindingsEndpoint(identify, QueryFindings(self.findings), self.clock)
        self._accept = AcceptFindingEndpoint(identify, AcceptFinding(self.findings, self.clock))
        self._totals = ReconciliationEndpoint(identify, QueryReconciliation(self.windows, self.clock), self.clock)

    async def found(
        self,
        of: str = "x",
        kind: FindingKind = FindingKind.KEYS_LISTED,
        *,
        object_id: str | None = None,
        severity: Severity = Severity.HIGH,
        days_ago: int = 0,
    ) -> str:
        at = NOW - timedelta(days=days_ago)
        subject = Subject(kind=kind, day=at.date(), resource=RESOURCE, of=of, object_id=object_id)
        shown = (evidence(at=at, operation="listkey"),)
        part = Part(occurrences=2, first_at=at, last_at=at, severity=severity, evidence=shown)
        finding = with_part(None, subject, "day", part, NOW)
        assert finding
        await self.findings.put(finding)
        return finding.id

    async def list(self, query: str = "") -> tuple[int, Any]:
        return await self._answer(self._list, "GET", query)

    async def accept(self, finding_id: str, body: object, query: str = "") -> tuple[int, Any]:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self._answer(self._accept, "POST", query, finding_id, content)

    async def reconciliation(self, query: str = "") -> tuple[int, Any]:
        return await self._answer(self._totals, "GET", query)

    async def _answer(
        self, endpoint: Any, method: str, query: str, finding_id: str = "", body: bytes = b""
    ) -> tuple[int, Any]:
        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": body, "more_body": False}

        scope = {
            "type": "http",
            "method": method,
            "headers": [(b"api-key", b"key"), (b"content-type", self.content_type.encode())],
            "query_string": query.encode(),
            "path_params": {"id": finding_id},
        }
        response = await endpoint(Request(scope, receive))
        assert response.headers.get("cache-control") == "no-store" or response.status_code >= 400
        return response.status_code, json.loads(bytes(response.body))


async def test_a_finding_has_what_the_page_and_the_cli_show() -> None:
    """The contract, member by member."""
    site = Site()
    finding_id = await site.found()
    status, body = await site.list()

    (finding,) = body["findings"]
    assert (status, body["next"]) == (200, None)
    assert list(finding) == [
        *("id", "kind", "severity", "state", "title", "summary", "resource", "first_seen_at", "last_seen_at"),
        *("occurrences", "evidence", "accepted_by", "accepted_at", "reason", "closed_at", "closed_because"),
    ]
    assert (finding["id"], finding["kind"], finding["severity"], finding["state"]) == (
        finding_id,
        "keys_listed",
        "high",
        "open",
    )
    assert finding["title"] == "The keys of contoso were listed"
    assert finding["summary"].startswith("2 times by x.")
    assert finding["evidence"] == [{"at": "2026-11-23T09:30:00Z", "operation": "listkey"}]


async def test_pages_follow_each_other_newest_first() -> None:
    """However many there are."""
    site = Site()
    ids = [await site.found(f"x{number}", days_ago=number) for number in range(5)]
    seen, query = [], "limit=2"
    while query:
        _, body = await site.list(query)
        seen += [finding["id"] for finding in body["findings"]]
        query = (body["next"] or "").partition("?")[2]

    assert seen == ids


async def test_findings_are_narrowed_by_state_kind_severity_and_time() -> None:
    """An alert is looked up by its kind; a review goes by severity."""
    site = Site()
    listed = await site.found(severity=Severity.LOW)
    bypass = await site.found("y", FindingKind.BYPASS_WITH_KEY, days_ago=3)
    accepted = await site.found("z")
    await site.accept(accepted, {"state": "accepted", "reason": "known"})

    async def ids(query: str) -> set[str]:
        _, body = await site.list(query)
        return {finding["id"] for finding in body["findings"]}

    assert await ids("") == {listed, bypass}
    assert await ids("state=accepted") == {accepted}
    assert await ids("state=all") == {listed, bypass, accepted}
    assert await ids("state=closed") == set()
    assert await ids("kind=bypass_with_key,keys_regenerated") == {bypass}
    assert await ids("severity=low") == {listed}
    assert await ids("from=2026-11-22") == {listed}
    assert await ids("to=2026-11-22") == {bypass}


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("kind=bypass", "bypass_with_identity"),
        ("severity=urgent", "high"),
        ("state=new", "accepted"),
        ("after=x", "'after'"),
        # ["2026-11-23T09:30:00","f1"]: a time without a zone.
        ("after=WyIyMDI2LTExLTIzVDA5OjMwOjAwIiwiZjEiXQ==", "'after'"),
        ("limit=0", "'limit'"),
        ("from=yesterday", "'from'"),
        ("by=kind", "unknown parameter"),
    ],
)
async def test_a_parameter_that_is_wrong_is_named(query: str, says: str) -> None:
    """An answer to another question would pass for none found."""
    status, body = await Site().list(query)

    assert (status, body["error"]["code"]) == (400, "malformed_request")
    assert says in body["error"]["message"]


async def test_without_the_role_one_sees_what_is_about_oneself() -> None:
    """Who goes round the gate may know that it is known."""
    site = Site(frozenset())
    own = await site.found("own", FindingKind.BYPASS_WITH_IDENTITY, object_id="finance")
    await site.found("other", FindingKind.BYPASS_WITH_IDENTITY, object_id="other")
    await site.found()
    _, body = await site.list()

    assert [finding["id"] for finding in body["findings"]] == [own]


async def test_a_finding_is_accepted_with_a_reason_and_taken_back() -> None:
    """Who said so stands beside it."""
    site = Site()
    finding_id = await site.found()
    status, accepted = await site.accept(finding_id, {"state": "accepted", "reason": " rotation day "})
    _, back = await site.accept(finding_id, {"state": "open"})

    assert status == 200
    assert (accepted["state"], accepted["reason"]) == ("accepted", "rotation day")
    assert accepted["accepted_by"] == "finance (gateway/finance)"
    assert accepted["accepted_at"].startswith("2026-11-23T09:30")
    assert (back["state"], back["reason"], back["accepted_by"]) == ("open", None, None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[" * 100_000,
        b"\xff",
        {"state": "accepted"},
        {"state": "accepted", "reason": "  "},
        {"state": "accepted", "reason": "x" * 1001},
        {"state": "closed", "reason": "x"},
        {"state": "accepted", "reason": "x", "by": "me"},
        {"reason": "x"},
    ],
)
async def test_a_body_that_is_wrong_is_a_clear_error(body: object) -> None:
    """And accepts nothing."""
    site = Site()
    finding_id = await site.found()
    status, answer = await site.accept(finding_id, body)

    assert status in {400, 413}
    assert answer["error"]["code"] in {"malformed_request", "body_too_large"}
    assert (await site.findings.get(finding_id)).state == "open"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=json"]
)
async def test_what_another_site_can_send_accepts_nothing(content_type: str) -> None:
    """A browser sends a form along with the cookie of the platform's sign-in; JSON it does not, unasked."""
    site = Site()
    finding_id = await site.found()
    site.content_type = content_type
    status, body = await site.accept(finding_id, {"state": "accepted", "reason": "because"})

    assert (status, body["error"]["code"]) == (400, "malformed_request")
    assert (await site.list())[1]["findings"][0]["state"] == "open"


async def test_to_accept_takes_the_role() -> None:
    """Who made the finding must not make it go away."""
    site = Site(frozenset({READ_ALL_ROLE}))
    finding_id = await site.found()
    status, body = await site.accept(finding_id, {"state": "accepted", "reason": "x"})

    assert (status, body["error"]["code"]) == (403, "not_allowed")
    assert ACCEPT_ROLE in body["error"]["message"]


@pytest.mark.parametrize("finding_id", ["20261123-keys_listed-0123456789abcdef", "x", "../usage", "\x00", "2026'", ""])
async def test_a_finding_that_is_not_there_is_404(finding_id: str) -> None:
    """In the form that the SDKs read; storage is not asked for what can be no id."""
    status, body = await Site().accept(finding_id, {"state": "accepted", "reason": "x"})

    assert (status, body["error"]["code"]) == (404, "finding_not_found")


async def test_a_closed_finding_cannot_be_accepted() -> None:
    """There is nothing left to accept."""
    site = Site()
    finding_id = await site.found()
    finding = site.findings.kept[finding_id]
    site.findings.kept[finding_id] = with_part(finding, finding.subject, "day", None, NOW) or finding
    status, body = await site.accept(finding_id, {"state": "accepted", "reason": "x"})

    assert (status, body["error"]["code"]) == (400, "malformed_request")


async def test_a_finding_that_changes_meanwhile_is_accepted_as_it_is_then() -> None:
    """An hour adds its part between the read and the write."""
    site = Site()
    finding_id = await site.found()
    get = site.findings.get

    async def stale(of: str) -> Any:
        finding = await get(finding_id)
        site.findings.get = get  # type: ignore[method-assign]
        site.findings.kept[finding_id] = replace(site.findings.kept[finding_id], opened=7, version="other")
        return finding

    site.findings.get = stale  # type: ignore[method-assign, assignment]
    status, _ = await site.accept(finding_id, {"state": "accepted", "reason": "x"})

    kept = site.findings.kept[finding_id]
    assert (status, kept.state, kept.opened) == (200, "accepted", 7)


async def test_hours_and_their_totals() -> None:
    """The contract, member by member; counts that are not known are null."""
    site = Site()
    window = Window.of_hour(NOW)
    site.windows.kept[window] = WindowState(window=window, reconciled_at=NOW, slow_arrival=timedelta(minutes=20))
    site.windows.hours[window] = [
        HourTotals(resource=RESOURCE, hour=window.begins_at, matched=3, late=1, our_prompt_tokens=5, reconciled_at=NOW),
        HourTotals(resource="other.openai.azure.com", hour=window.begins_at, ours_only=2, our_prompt_tokens=6),
    ]
    status, body = await site.reconciliation()
    _, narrowed = await site.reconciliation("resource=Contoso")

    assert (status, body["lateness_seconds"]) == (200, 2400)
    assert set(body["rows"][0]) == {
        *("resource", "hour", "matched", "matched_by_likeness", "ours_only", "azure_only", "late"),
        *("our_prompt_tokens", "our_completion_tokens", "azure_prompt_tokens", "azure_completion_tokens"),
        *("settled", "reconciled_at"),
    }
    assert body["totals"] == {
        "matched": 3,
        "matched_by_likeness": 0,
        "ours_only": 2,
        "azure_only": 0,
        "late": 1,
        "our_prompt_tokens": 11,
        "our_completion_tokens": None,
        "azure_prompt_tokens": None,
        "azure_completion_tokens": None,
    }
    assert [row["resource"] for row in narrowed["rows"]] == [RESOURCE]


async def test_reconciliation_is_for_those_who_may_see_everybody() -> None:
    """It is made of all calls."""
    status, body = await Site(frozenset()).reconciliation()

    assert (status, body["error"]["code"]) == (403, "not_allowed")
