"""Easy Auth: the header the platform writes where its authentication is on."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.easy_auth import EasyAuth
from shared.domain.errors import PrincipalNotProved
from shared.domain.principal import Principal, PrincipalKind

TENANT = "99999999-0000-4000-8000-000000000000"
OBJECT = "11111111-2222-4333-8444-555555555555"
APP = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"

OID = "http://schemas.microsoft.com/identity/claims/objectidentifier"
TID = "http://schemas.microsoft.com/identity/claims/tenantid"
SCOPE = "http://schemas.microsoft.com/identity/claims/scope"
ROLE = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role"
SUBJECT = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier"

EASY_AUTH = EasyAuth(tenants=frozenset({TENANT.upper()}))


def header(*claims: tuple[str, Any], auth_typ: str = "aad") -> str:
    """Return the header as the platform makes it.

    https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities
    """
    listed = [{"typ": name, "val": value} for name, value in claims]
    principal = {"auth_typ": auth_typ, "claims": listed, "name_typ": "name", "role_typ": ROLE}
    return base64.b64encode(json.dumps(principal).encode()).decode()


@pytest.mark.parametrize(("oid", "tid", "role"), [(OID, TID, ROLE), ("oid", "tid", "roles")], ids=["long", "short"])
def test_claims_are_read_under_their_long_and_their_short_names(oid: str, tid: str, role: str) -> None:
    """Which names the platform uses depends on its settings."""
    claims = [
        (oid, OBJECT),
        (tid, TENANT),
        (role, "Reader"),
        (role, "Writer"),
        ("preferred_username", "user@x.example"),
    ]
    verified = EASY_AUTH.read(header(*claims, (SCOPE, "user_impersonation"), ("azp", APP)))

    assert Principal.from_claims(verified) == Principal(
        tenant_id=TENANT,
        object_id=OBJECT,
        app_id=APP,
        kind=PrincipalKind.USER,
        name="user@x.example",
        roles=frozenset({"Reader", "Writer"}),
    )


def test_an_application_is_told_from_a_user() -> None:
    """Its subject is itself, and it has no scope."""
    verified = EASY_AUTH.read(header((OID, OBJECT), (TID, TENANT), (SUBJECT, OBJECT)))

    assert Principal.from_claims(verified).kind is PrincipalKind.APPLICATION


@pytest.mark.parametrize("provider", ["google", "AAD", "", "aad2"])
def test_another_identity_provider_proves_nobody(provider: str) -> None:
    """Anybody has a Google account."""
    with pytest.raises(PrincipalNotProved, match="auth_typ aad"):
        EASY_AUTH.read(header((OID, OBJECT), (TID, TENANT), auth_typ=provider))


@pytest.mark.parametrize("claims", [[(OID, OBJECT)], [(OID, OBJECT), (TID, OBJECT)], [(OID, OBJECT), (TID, None)]])
def test_a_tenant_that_is_not_allowed_proves_nobody(claims: list[tuple[str, str | None]]) -> None:
    """The platform may be set to let any tenant in."""
    with pytest.raises(PrincipalNotProved, match="no tenant that is allowed"):
        EASY_AUTH.read(header(*claims))


def test_two_object_ids_prove_nobody() -> None:
    """Whom we charge must not depend on which of them we read first."""
    with pytest.raises(PrincipalNotProved, match="two values of 'oid'"):
        EASY_AUTH.read(header((OID, OBJECT), ("oid", TENANT), (TID, TENANT)))


def test_the_same_claim_under_both_names_is_no_contradiction() -> None:
    """The platform sends some claims twice."""
    verified = EASY_AUTH.read(header((OID, OBJECT), ("oid", OBJECT), (TID, TENANT)))

    assert verified.claims["oid"] == OBJECT


@pytest.mark.parametrize(
    "malformed",
    ["", "%%%", "e30", base64.b64encode(b"\xff\xfe").decode(), base64.b64encode(b"[" * 90000).decode(), "é", "e30="],
    ids=lambda text: text[:8],
)
def test_what_cannot_be_read_proves_nobody(malformed: str) -> None:
    """It is told as the caller's error, never as ours."""
    with pytest.raises(PrincipalNotProved, match="cannot be read"):
        EASY_AUTH.read(malformed)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["auth_typ", "claims", "typ", "val"]), inner)
    ),
    max_leaves=20,
)


@given(
    st.text()
    | st.binary().map(lambda data: base64.b64encode(data).decode())
    | _JSON.map(lambda value: base64.b64encode(json.dumps(value).encode()).decode())
)
def test_garbage_proves_nobody_and_breaks_nothing(garbage: str) -> None:
    """An exception nobody foresaw would be a bare 500."""
    with pytest.raises(PrincipalNotProved):
        EASY_AUTH.read(garbage)
