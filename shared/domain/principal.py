"""Who a call is charged to, and what had to be proved to say so."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from shared.domain.errors import PrincipalNotProved

# The tenant of principals that exist only here: a gateway key issued to a team
# or an application that has no Entra identity.
GATEWAY_TENANT = "gateway"

# What an id may hold. Ids become table keys, where `/ \ # ?` and controls are refused.
_ID_LIMIT = 64
_ID = re.compile(rf"[A-Za-z0-9][A-Za-z0-9.@-]{{0,{_ID_LIMIT - 1}}}")
_NAME_LIMIT = 256


class PrincipalKind(StrEnum):
    """What kind of identity a principal is."""

    USER = "user"
    APPLICATION = "application"
    MANAGED_IDENTITY = "managed_identity"
    GATEWAY = "gateway"
    UNKNOWN = "unknown"  # Azure logged the call, and did not say


@dataclass(frozen=True, slots=True)
class VerifiedClaims:
    """
    Claims of a token somebody has checked.

    Only the adapters that check make one: the Entra token verifier, and the Easy Auth
    reader where the platform vouches for the header.
    """

    claims: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A proved identity: (tenant, object id, app id). Names are for people to read."""

    tenant_id: str
    object_id: str
    kind: PrincipalKind
    app_id: str | None = None
    name: str | None = None
    roles: frozenset[str] = field(default=frozenset())
    # The gateway key that proved it, by its public id; None for tokens.
    key_id: str | None = None

    def __post_init__(self) -> None:
        for what, value in (("tenant id", self.tenant_id), ("object id", self.object_id)):
            if not _ID.fullmatch(value):
                raise PrincipalNotProved(f"the principal's {what} has a form that is not allowed")

    @classmethod
    def from_claims(cls, verified: VerifiedClaims) -> Principal:
        """
        Return the principal that a checked token names.

        Claims: https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference

        Raises:
            PrincipalNotProved: the token has no tenant or object id.
        """
        claims = verified.claims
        return cls(
            tenant_id=_required(claims, "tid").lower(),
            object_id=_required(claims, "oid").lower(),
            app_id=_text(claims, "appid") or _text(claims, "azp"),
            kind=_kind(claims),
            name=_name(claims),
            roles=_roles(claims),
        )

    @classmethod
    def from_name(cls, name: str, *, app_id: str | None = None, roles: frozenset[str] = frozenset()) -> Principal:
        """
        Return the principal that exists only here, for a team or an application without an Entra identity.

        Its object id is the name in small ASCII letters, digits and dashes: keys issued to the same
        name, or to one that differs only in what that drops, are charged to the same principal.

        Raises:
            PrincipalNotProved: nothing of the name is left.
        """
        object_id = _slug(name)
        if not object_id:
            raise PrincipalNotProved("the principal's name has no Latin letter or digit to make an object id of")
        return cls(
            tenant_id=GATEWAY_TENANT,
            object_id=object_id,
            kind=PrincipalKind.GATEWAY,
            app_id=app_id,
            name=name[:_NAME_LIMIT],
            roles=roles,
        )


def _slug(name: str) -> str:
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_name.lower())[:_ID_LIMIT].strip("-")


def _required(claims: Mapping[str, Any], name: str) -> str:
    value = _text(claims, name)
    if value is None:
        raise PrincipalNotProved(f"access token has no {name!r} claim")
    return value


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value if isinstance(value, str) and value else None


def _kind(claims: Mapping[str, Any]) -> PrincipalKind:
    # `xms_mirid` is the resource id of a managed identity. `idtyp` is optional in v2
    # tokens; without it a token with delegated scopes is a user's.
    if _text(claims, "xms_mirid"):
        return PrincipalKind.MANAGED_IDENTITY
    if claims.get("idtyp") == "app":
        return PrincipalKind.APPLICATION
    if claims.get("idtyp") == "user" or _text(claims, "scp"):
        return PrincipalKind.USER
    if _text(claims, "oid") == _text(claims, "sub"):
        return PrincipalKind.APPLICATION
    return PrincipalKind.USER


def _name(claims: Mapping[str, Any]) -> str | None:
    for claim in ("preferred_username", "upn", "unique_name", "name", "app_displayname"):
        if value := _text(claims, claim):
            return value[:_NAME_LIMIT]
    if mirid := _text(claims, "xms_mirid"):
        return mirid.rsplit("/", 1)[-1][:_NAME_LIMIT]
    return None


def _roles(claims: Mapping[str, Any]) -> frozenset[str]:
    roles = claims.get("roles")
    if isinstance(roles, str):
        roles = [roles]
    if not isinstance(roles, list):
        return frozenset()
    return frozenset(role for role in roles if isinstance(role, str))
