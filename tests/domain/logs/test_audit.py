"""Who did what to a resource: the Audit log says when, the Activity Log by whom."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from shared.domain.logs.entries import AuditEvent, AuditKind, AuditPhase, AuditSource
from shared.domain.logs.line_reading import parse_line
from tests.data.logs import log_lines
from tests.domain.logs.test_service_call import ACCOUNT, PRINCIPAL

LINES = log_lines("activity_log.jsonl")


def event(line: bytes, **changes: Any) -> AuditEvent:
    entry = parse_line(json.dumps(json.loads(line) | changes).encode())
    assert isinstance(entry, AuditEvent)
    return entry


LISTED_BEGIN, LISTED, REGENERATED, DEPLOYED, ASSIGNED_BEGIN, ASSIGNED, ACCOUNT_WRITTEN = map(event, LINES)


def test_the_audit_log_says_that_keys_were_listed() -> None:
    """`ListKey` is all it calls it, and whose object id it has is not documented."""
    listed = event(log_lines("audit.jsonl")[0])

    assert listed.source is AuditSource.AUDIT_LOG
    assert (listed.kind, listed.phase) == (AuditKind.KEYS_LISTED, AuditPhase.UNKNOWN)
    assert (listed.resource_id, listed.object_id) == (ACCOUNT, PRINCIPAL)
    assert listed.occurred_at == datetime(2026, 11, 20, 8, 20, 1, tzinfo=UTC)
    assert json.loads(listed.extra or "").keys() == {"AssetIdentity", "Tenant"}


def test_the_activity_log_says_who_and_from_where() -> None:
    """A finding of a listed key names a person, an application and an address."""
    assert LISTED.source is AuditSource.ACTIVITY_LOG
    assert (LISTED.object_id, LISTED.principal_name) == (PRINCIPAL, "admin@contoso.example")
    assert LISTED.tenant_id == "0e000000-0000-4000-8000-000000000001"
    assert LISTED.app_id == "0d000000-0000-4000-8000-000000000001"
    assert (LISTED.caller_address, LISTED.role) == ("203.0.113.7", "Owner")
    assert LISTED.operation == "microsoft.cognitiveservices/accounts/listkeys/action"


def test_the_beginning_and_the_end_of_an_operation_are_told_apart() -> None:
    """Both are logged under one id: to count both would be to list every key twice."""
    assert LISTED_BEGIN.correlation_id == LISTED.correlation_id
    assert (LISTED_BEGIN.phase, LISTED.phase) == (AuditPhase.STARTED, AuditPhase.SUCCEEDED)
    assert (LISTED.result, LISTED.result_detail) == ("Success", "Succeeded.OK")


def test_every_operation_that_bears_on_who_can_call_is_known() -> None:
    """Each is a finding of its own."""
    kinds = [
        (REGENERATED, AuditKind.KEY_REGENERATED, AuditPhase.FAILED),
        (DEPLOYED, AuditKind.DEPLOYMENT_WRITTEN, AuditPhase.SUCCEEDED),
        (ASSIGNED, AuditKind.ROLE_ASSIGNED, AuditPhase.SUCCEEDED),
        (ACCOUNT_WRITTEN, AuditKind.ACCOUNT_WRITTEN, AuditPhase.STARTED),
    ]

    assert [(entry.kind, entry.phase) for entry, _, _ in kinds] == [(kind, phase) for _, kind, phase in kinds]


@pytest.mark.parametrize("operation", ["Microsoft.EventHub/namespaces/authorizationRules/listKeys/action", "Delete"])
def test_other_operations_are_kept_as_other(operation: str) -> None:
    """Keys of an Event Hub open no model."""
    assert event(LINES[1], operationName=operation).kind is AuditKind.OTHER


def test_a_role_that_was_given_says_to_whom() -> None:
    """Only the event of the beginning has what was asked for, as a string that holds JSON."""
    assert ASSIGNED_BEGIN.granted_to == "0b000000-0000-4000-8000-00000000000b"
    assert (ASSIGNED_BEGIN.granted_role or "").endswith("/5e0bd9bd-7b93-4f28-af87-19fc36ad61bd")
    assert ASSIGNED.granted_to is None


def test_half_a_character_does_not_hide_to_whom_a_role_was_given() -> None:
    """Who makes the request writes its body, and may put into it what no decoder takes."""
    body = json.loads(LINES[4])["properties"]["requestbody"].replace("{", '{"x":"\\ud800",', 1)
    hidden = event(LINES[4], properties={"requestbody": body})

    assert hidden.granted_to == ASSIGNED_BEGIN.granted_to


def test_local_authentication_switched_on_shows() -> None:
    """With it keys work again. It stands in the new properties of the account, here as an object."""
    assert ACCOUNT_WRITTEN.disables_local_auth is False
    assert DEPLOYED.disables_local_auth is None


def test_what_was_asked_for_stays_in_what_is_kept() -> None:
    """We read a part of it; an auditor may want the rest."""
    kept = json.loads(ASSIGNED_BEGIN.extra or "")

    assert json.loads(kept["properties"]["requestbody"])["Properties"]["Scope"]


@pytest.mark.parametrize("body", ["", "{", "[]", '{"Properties":[]}', '{"Properties":{"PrincipalId":7}}', 7, None, []])
def test_a_body_that_says_nothing_costs_nothing(body: object) -> None:
    """Bodies are cut by Azure where they are long, and written by whoever makes the request."""
    entry = event(LINES[4], properties={"requestbody": body})

    assert (entry.granted_to, entry.kind) == (None, AuditKind.ROLE_ASSIGNED)


def test_the_form_of_the_rest_api_says_the_same() -> None:
    """What `az monitor activity-log list` prints can be read, too: before an export is set up it is all there is."""
    rest = event(log_lines("activity_log_rest.jsonl")[0])
    of_the_same = {"category": "Administrative", "result": "Succeeded", "result_detail": "OK", "role": None}

    assert rest == msgspec.structs.replace(LISTED, **of_the_same, extra=rest.extra)


def test_an_application_has_no_name() -> None:
    """Its claims have no UPN; the ids say who it is."""
    line_members = json.loads(LINES[1])
    claims = {name: value for name, value in line_members["identity"]["claims"].items() if not name.endswith("upn")}
    entry = event(LINES[1], identity=line_members["identity"] | {"claims": claims})

    assert (entry.principal_name, entry.object_id) == (None, PRINCIPAL)


@pytest.mark.parametrize("identity", [None, "text", [], {}, {"claims": 7, "authorization": {"evidence": "none"}}])
def test_an_event_without_identity_is_kept(identity: object) -> None:
    """Events that Azure itself causes have none."""
    entry = event(LINES[1], identity=identity)

    assert (entry.kind, entry.object_id, entry.role) == (AuditKind.KEYS_LISTED, None, None)


def test_every_category_of_the_activity_log_is_an_event() -> None:
    """Some are no operations, and end neither well nor ill: "Active", "Updated"."""
    events = [event(line) for line in log_lines("activity_log_categories.jsonl")]

    assert {each.category for each in events} == {
        *("ServiceHealth", "ResourceHealth", "Alert", "Autoscale", "Security", "Policy", "Recommendation"),
        "Administrative",
    }
    assert {each.kind for each in events} == {AuditKind.OTHER}
    assert [each.result for each in events if each.phase is AuditPhase.UNKNOWN] == [
        *("Active", "Updated", "Resolved", "Active", "Active"),
    ]


def test_who_has_no_principal_name_may_have_an_address() -> None:
    """A guest has no `upn`, and a service of Azure a name of its own; for people to read one is as good."""
    names = [event(line).principal_name for line in log_lines("activity_log_categories.jsonl")]

    assert [name for name in names if name] == [
        "Microsoft.Insights/alertRules",
        "guest@fabrikam.example",
        "Microsoft.Advisor",
    ]
