"""Who a call is charged to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import PrincipalNotProved
from shared.domain.principal import GATEWAY_TENANT, Principal, PrincipalKind, VerifiedClaims

TENANT = "99999999-0000-4000-8000-000000000000"
OBJECT = "11111111-2222-4333-8444-555555555555"


def principal_of(**claims: Any) -> Principal:
    return Principal.from_claims(VerifiedClaims({"tid": TENANT, "oid": OBJECT, **claims}))


@pytest.mark.parametrize(
    ("claims", "kind"),
    [
        ({"idtyp": "app"}, PrincipalKind.APPLICATION),
        ({"idtyp": "app", "xms_mirid": "/subscriptions/s/resourcegroups/r/x"}, PrincipalKind.MANAGED_IDENTITY),
        ({"idtyp": "user"}, PrincipalKind.USER),
        ({"scp": "user_impersonation", "sub": "pairwise"}, PrincipalKind.USER),
        ({"sub": OBJECT}, PrincipalKind.APPLICATION),
        ({"sub": "pairwise"}, PrincipalKind.USER),
    ],
)
def test_the_kind_is_told_from_the_claims_entra_sends(claims: dict[str, str], kind: PrincipalKind) -> None:
    """`idtyp` is optional in v2 tokens, so the kind must come out right without it."""
    assert principal_of(**claims).kind is kind


def test_ids_are_one_principal_in_any_case() -> None:
    """A GUID in capitals must not start a second account of the same principal."""
    principal = Principal.from_claims(VerifiedClaims({"tid": TENANT.upper(), "oid": OBJECT.upper()}))

    assert (principal.tenant_id, principal.object_id) == (TENANT, OBJECT)


@pytest.mark.parametrize("missing", ["tid", "oid"])
def test_a_token_without_an_id_proves_nobody(missing: str) -> None:
    """A name alone can change hands."""
    claims = {"tid": TENANT, "oid": OBJECT, "name": "Abe Lincoln"}
    del claims[missing]

    with pytest.raises(PrincipalNotProved, match=f"no '{missing}' claim"):
        Principal.from_claims(VerifiedClaims(claims))


@pytest.mark.parametrize("object_id", ["a/b", "a\\b", "a#b", "a?b", "", " ", "a\n", "é", "x" * 65])
def test_an_id_that_cannot_be_a_table_key_is_refused(object_id: str) -> None:
    """Ids become partition keys; one that storage refuses would lose the record of a call."""
    with pytest.raises(PrincipalNotProved):
        Principal(tenant_id=TENANT, object_id=object_id, kind=PrincipalKind.USER)


@pytest.mark.parametrize(
    ("name", "object_id"),
    [("dev", "dev"), ("Team Zürich", "team-zurich"), ("  a__b  ", "a-b"), ("x" * 99, "x" * 64)],
)
def test_a_name_alone_is_a_principal_of_the_gateway(name: str, object_id: str) -> None:
    """A team without an Entra identity is charged all the same, and under one id however it is spelt."""
    principal = Principal.from_name(name, roles=frozenset({"Reader"}))

    assert principal == Principal(
        tenant_id=GATEWAY_TENANT,
        object_id=object_id,
        kind=PrincipalKind.GATEWAY,
        name=name,
        roles=frozenset({"Reader"}),
    )


@given(st.text())
def test_every_name_makes_an_allowed_id_or_is_refused(name: str) -> None:
    """The id is a table key, whatever an operator types."""
    try:
        principal = Principal.from_name(name)
    except PrincipalNotProved:
        return

    assert principal.object_id.isascii()
    assert not principal.object_id.startswith("-")
    assert not principal.object_id.endswith("-")
