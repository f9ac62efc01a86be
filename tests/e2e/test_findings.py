"""Findings over HTTP, on our host and on Microsoft's worker: whose id stands in the path."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import httpx

from local.stack import keep_key
from shared.adapters.table_findings import TABLE, TableFindings
from shared.adapters.table_service import StorageSettings, open_tables
from shared.domain.findings.finding import FindingKind, Part, Severity, Subject, with_part
from shared.usecases.accept_finding import ACCEPT_ROLE
from tests.e2e.gateway import Gateway


def test_a_finding_is_found_and_accepted_by_its_id(gateway: Gateway) -> None:
    """The worker hands over the path's parameters in its own way."""
    name, reader = gateway.new_key(reads_all=True)
    accepter = keep_key(gateway.connection_string, "accepter", roles=frozenset({ACCEPT_ROLE}))
    finding_id = asyncio.run(_kept(gateway.connection_string, name))
    listed = httpx.get(f"{gateway.url}/findings", params={"limit": "1000"}, headers={"api-key": reader}).json()
    url, body = f"{gateway.url}/findings/{finding_id}", {"state": "accepted", "reason": "known"}
    refused = httpx.post(url, json=body, headers={"api-key": reader})
    accepted = httpx.post(url, json=body, headers={"api-key": accepter})
    unknown = httpx.post(f"{url[:-1]}x", json=body, headers={"api-key": accepter})

    assert finding_id in {finding["id"] for finding in listed["findings"]}
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "not_allowed")
    assert (accepted.status_code, accepted.json()["id"], accepted.json()["state"]) == (200, finding_id, "accepted")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "finding_not_found")


async def _kept(connection_string: str, of: str) -> str:
    now = datetime.now(UTC)
    subject = Subject(kind=FindingKind.KEYS_LISTED, day=now.date(), resource="/r", of=of)
    part = Part(occurrences=1, first_at=now, last_at=now, severity=Severity.HIGH, evidence=())
    finding = with_part(None, subject, "day", part, now)
    assert finding
    async with open_tables(StorageSettings(connection_string=connection_string)) as tables:
        await TableFindings(tables.get_table_client(TABLE)).put(finding)
    return finding.id
