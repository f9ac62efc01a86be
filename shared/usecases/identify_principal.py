"""Prove who calls, from the credentials a request carries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from shared.domain.errors import PrincipalNotAllowed, PrincipalNotProved
from shared.domain.gateway_key import KeyState, hash_key, is_gateway_key
from shared.domain.principal import Principal, VerifiedClaims
from shared.ports.clock import Clock
from shared.ports.principals import GatewayKeys, TokenVerifier

_HOW = (
    "send a gateway key in the 'api-key' header or as 'Authorization: Bearer <key>', "
    "or an Entra access token as 'Authorization: Bearer <token>'"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a request shows, as it came: nobody has checked any of it."""

    authorization: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    client_principal: str | None = field(default=None, repr=False)

    @property
    def bearer(self) -> str | None:
        """The token of the `Authorization` header, None where that is missing or of another scheme."""
        scheme, _, token = (self.authorization or "").strip().partition(" ")
        return token.strip() or None if scheme.lower() == "bearer" else None

    def foreign_to_us(self, proved_by: str | None) -> frozenset[bytes]:
        """Return the headers, in lower case, whose credential is neither a gateway key nor what proved the caller."""
        values = {b"api-key": self.api_key, b"authorization": self.bearer}
        return frozenset(
            name
            for name, value in values.items()
            if value and not is_gateway_key(value.strip()) and value.strip() != proved_by
        )


class Proof(StrEnum):
    """What proved a principal."""

    GATEWAY_KEY = "gateway_key"
    ACCESS_TOKEN = "access_token"  # noqa: S105 - a name, no token
    CLIENT_PRINCIPAL = "client_principal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """
    A principal, and what proved it.

    `foreign_credentials` names the headers that may go upstream where callers bring Azure's own
    credentials: an access token may be for both of us, a gateway key never is for Azure.
    """

    principal: Principal
    proof: Proof
    foreign_credentials: frozenset[bytes] = frozenset()


class IdentifyPrincipal:
    """
    Call it with the credentials of a request.

    The first of these that is there decides, and no later one can mend it:

    1. a gateway key in `api-key`, then as the bearer: one we know, or one that begins as ours do (`aoai-`);
    2. a bearer that is a JSON Web Token, where a token verifier is set;
    3. the platform's `X-MS-CLIENT-PRINCIPAL`, where the platform vouches for it.

    A credential of ours that is wrong is refused even where another beside it is right. Falling back
    would charge the call to somebody the caller did not mean, and let an expired key go unnoticed.

    What is not for us is passed over: where callers bring Azure's own credentials (UPSTREAM_AUTH=caller)
    a gateway key may come beside an access token for Azure, or a token beside Azure's `api-key`.

    `required_role` is asked of Entra's principals; a gateway key was allowed by whoever issued it.
    """

    def __init__(
        self,
        *,
        keys: GatewayKeys,
        clock: Clock,
        verifier: TokenVerifier | None = None,
        read_client_principal: Callable[[str], VerifiedClaims] | None = None,
        required_role: str | None = None,
    ) -> None:
        self._keys = keys
        self._clock = clock
        self._verifier = verifier
        self._read_client_principal = read_client_principal
        self._required_role = required_role

    async def __call__(self, credentials: Credentials) -> Identified:
        """
        Return who calls.

        Raises:
            PrincipalNotProved: no credential, or one that proves nothing; the message says which and why.
            PrincipalNotAllowed: it lacks the role that is required.
            KeysUnavailable: an access token cannot be checked now.
            StorageError: a gateway key cannot be looked up now.
        """
        for shown in (credentials.api_key, credentials.bearer):
            if shown and (principal := await self._of_key(shown.strip())):
                return Identified(
                    principal=principal,
                    proof=Proof.GATEWAY_KEY,
                    foreign_credentials=credentials.foreign_to_us(shown.strip()),
                )
        principal, proof = await self._of_entra(credentials)
        return Identified(principal=principal, proof=proof, foreign_credentials=credentials.foreign_to_us(None))

    async def _of_key(self, unverified_key: str) -> Principal | None:
        """Return whom a gateway key was issued to, None where it is none of ours."""
        if _looks_like_jwt(unverified_key):
            return None
        key = await self._keys.find(hash_key(unverified_key))
        if key is None:
            if is_gateway_key(unverified_key):
                raise PrincipalNotProved("the gateway key is not known")
            return None
        state = key.state_at(self._clock.now())
        if state is not KeyState.ACTIVE:
            raise PrincipalNotProved(f"gateway key {key.key_id} is {state.value}")
        return key.principal

    async def _of_entra(self, credentials: Credentials) -> tuple[Principal, Proof]:
        bearer = credentials.bearer
        if bearer and self._verifier and _looks_like_jwt(bearer):
            return self._allowed(await self._verifier.verify(bearer)), Proof.ACCESS_TOKEN
        if credentials.client_principal and self._read_client_principal:
            claims = self._read_client_principal(credentials.client_principal)
            return self._allowed(claims), Proof.CLIENT_PRINCIPAL
        raise PrincipalNotProved(_what_is_wrong(credentials))

    def _allowed(self, verified: VerifiedClaims) -> Principal:
        principal = Principal.from_claims(verified)
        if self._required_role and self._required_role not in principal.roles:
            raise PrincipalNotAllowed(f"the principal lacks the app role {self._required_role!r}")
        return principal


def _looks_like_jwt(bearer: str) -> bool:
    return bearer.count(".") == 2


def _what_is_wrong(credentials: Credentials) -> str:
    """Return what the caller should do, which depends on what it did show."""
    if bearer := credentials.bearer:
        if _looks_like_jwt(bearer):
            return "access tokens are not accepted here: send a gateway key in the 'api-key' header"
        return "the bearer is neither a gateway key that is known here nor an Entra access token"
    if credentials.authorization:
        return f"the Authorization header is not a bearer's: {_HOW}"
    if credentials.api_key:
        return f"the api-key is not a gateway key that is known here: {_HOW}"
    return f"no credential: {_HOW}"
