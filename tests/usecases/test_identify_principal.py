"""Who calls, proved from the credentials a request carries."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.errors import KeysUnavailable, PrincipalNotAllowed, PrincipalNotProved, StorageUnavailable
from shared.domain.gateway_key import GatewayKey, hash_key
from shared.domain.principal import Principal, PrincipalKind, VerifiedClaims
from shared.usecases.identify_principal import Credentials, IdentifyPrincipal, Proof
from tests.fakes import FakeClock, FakeGatewayKeys, FakeTokenVerifier

TENANT = "99999999-0000-4000-8000-000000000000"
USER = VerifiedClaims({"tid": TENANT, "oid": "11111111-2222-4333-8444-555555555555", "idtyp": "user", "roles": ["A"]})
PLATFORM_USER = VerifiedClaims({"tid": TENANT, "oid": "22222222-2222-4333-8444-555555555555", "scp": "x"})

TEAM = Principal.from_name("team")
GATEWAY_KEY = "aoai-right"
AZURE_KEY = "0123456789abcdef0123456789abcdef"
TOKEN = "aa.bb.cc"
TOKEN_FOR_AZURE = "for.azure.only"
CLIENT_PRINCIPAL = "base64"

CLOCK = FakeClock()
KEY = GatewayKey(key_hash=hash_key(GATEWAY_KEY), principal=TEAM, issued_at=CLOCK.now())


def identify(
    *keys: GatewayKey, accepts_tokens: bool = True, easy_auth: bool = False, required_role: str | None = None
) -> IdentifyPrincipal:
    return IdentifyPrincipal(
        keys=FakeGatewayKeys(*(keys or [KEY])),
        clock=CLOCK,
        verifier=FakeTokenVerifier({TOKEN: USER}) if accepts_tokens else None,
        read_client_principal=(lambda header: PLATFORM_USER) if easy_auth else None,
        required_role=required_role,
    )


@pytest.mark.parametrize(
    "credentials",
    [
        Credentials(api_key=GATEWAY_KEY),
        Credentials(api_key=f" {GATEWAY_KEY} "),
        Credentials(authorization=f"Bearer {GATEWAY_KEY}"),
        Credentials(authorization=f"bearer  {GATEWAY_KEY} "),
        Credentials(api_key=GATEWAY_KEY, authorization=f"Bearer {GATEWAY_KEY}"),
        # Beside a gateway key, an access token for Azure is none of our business.
        Credentials(api_key=GATEWAY_KEY, authorization=f"Bearer {TOKEN_FOR_AZURE}"),
        Credentials(api_key=AZURE_KEY, authorization=f"Bearer {GATEWAY_KEY}"),
    ],
)
async def test_a_gateway_key_proves_whom_it_was_issued_to(credentials: Credentials) -> None:
    """AzureOpenAI sends it as `api-key`, OpenAI as the bearer."""
    identified = await identify()(credentials)

    assert (identified.principal, identified.proof) == (TEAM, Proof.GATEWAY_KEY)


@pytest.mark.parametrize("api_key", [None, AZURE_KEY])
async def test_an_access_token_proves_whom_entra_gave_it_to(api_key: str | None) -> None:
    """Beside it, Azure's own key is for Azure."""
    identified = await identify()(Credentials(authorization=f"Bearer {TOKEN}", api_key=api_key))

    assert (identified.principal, identified.proof) == (Principal.from_claims(USER), Proof.ACCESS_TOKEN)


@pytest.mark.parametrize(
    "credentials",
    [
        Credentials(client_principal=CLIENT_PRINCIPAL),
        Credentials(client_principal=CLIENT_PRINCIPAL, api_key=AZURE_KEY),
        Credentials(client_principal=CLIENT_PRINCIPAL, authorization="Basic eDp5"),
    ],
)
async def test_the_platform_is_believed_where_nothing_else_is_ours(credentials: Credentials) -> None:
    """A person in a browser has no other credential."""
    identified = await identify(easy_auth=True)(credentials)

    assert (identified.principal, identified.proof) == (Principal.from_claims(PLATFORM_USER), Proof.CLIENT_PRINCIPAL)


async def test_a_token_only_the_platform_can_check_is_left_to_the_platform() -> None:
    """Where Easy Auth alone is set up, the token is for its audience, and it has checked it."""
    credentials = Credentials(authorization=f"Bearer {TOKEN_FOR_AZURE}", client_principal=CLIENT_PRINCIPAL)
    identified = await identify(accepts_tokens=False, easy_auth=True)(credentials)

    assert identified.proof is Proof.CLIENT_PRINCIPAL


async def test_the_platforms_header_is_nothing_where_the_platform_does_not_vouch() -> None:
    """Anybody can write a header."""
    with pytest.raises(PrincipalNotProved, match="no credential"):
        await identify()(Credentials(client_principal=CLIENT_PRINCIPAL))


@pytest.mark.parametrize(
    "credentials",
    [
        Credentials(api_key="aoai-wrong", authorization=f"Bearer {TOKEN}"),
        Credentials(api_key="aoai-wrong", authorization=f"Bearer {GATEWAY_KEY}"),
        Credentials(api_key="aoai-wrong", client_principal=CLIENT_PRINCIPAL),
        Credentials(authorization="Bearer aoai-wrong", client_principal=CLIENT_PRINCIPAL),
        Credentials(authorization="Bearer wrong.wrong.wrong", client_principal=CLIENT_PRINCIPAL),
        Credentials(authorization="Bearer wrong.wrong.wrong", api_key=AZURE_KEY),
    ],
    ids=repr,
)
async def test_a_wrong_credential_is_not_mended_by_a_right_one(credentials: Credentials) -> None:
    """Falling back would charge somebody the caller did not mean."""
    with pytest.raises(PrincipalNotProved):
        await identify(easy_auth=True)(credentials)


@pytest.mark.parametrize(
    ("held", "reason"),
    [
        (replace(KEY, revoked_at=CLOCK.now()), "is revoked"),
        (replace(KEY, expires_at=CLOCK.now()), "is expired"),
        (replace(KEY, key_hash=hash_key("aoai-another")), "is not known"),
    ],
)
async def test_a_key_that_is_no_longer_good_is_refused_and_named(held: GatewayKey, reason: str) -> None:
    """By its id, so that whoever holds it can ask for another; never the key."""
    with pytest.raises(PrincipalNotProved, match=reason) as refused:
        await identify(held)(Credentials(api_key=GATEWAY_KEY))

    assert GATEWAY_KEY not in str(refused.value)


async def test_a_key_of_any_form_is_good_where_it_was_put() -> None:
    """LEDGER_DEV_KEY is whatever a developer likes; such a key never goes upstream either."""
    held = replace(KEY, key_hash=hash_key("my-dev-key"))
    credentials = Credentials(api_key="my-dev-key", authorization="Bearer my-dev-key")

    identified = await identify(held)(credentials)

    assert (identified.principal, identified.foreign_credentials) == (TEAM, frozenset())


async def test_a_key_is_good_until_it_expires() -> None:
    """The end is the operator's to set, to the second."""
    held = replace(KEY, expires_at=CLOCK.now() + timedelta(seconds=1))

    assert (await identify(held)(Credentials(api_key=GATEWAY_KEY))).principal == TEAM


@pytest.mark.parametrize(
    ("credentials", "says"),
    [
        (Credentials(), "no credential: send a gateway key"),
        (Credentials(api_key="", authorization=""), "no credential"),
        (Credentials(api_key=AZURE_KEY), "the api-key is not a gateway key that is known here"),
        (Credentials(authorization="Basic eDp5"), "the Authorization header is not a bearer's"),
        (Credentials(authorization="Bearer"), "the Authorization header is not a bearer's"),
        (Credentials(authorization=TOKEN), "the Authorization header is not a bearer's"),
        (Credentials(authorization=f"Bearer {AZURE_KEY}"), "the bearer is neither a gateway key"),
    ],
    ids=repr,
)
async def test_a_caller_is_told_what_to_send(credentials: Credentials, says: str) -> None:
    """The first call of nearly everybody is one with Azure's key left in."""
    with pytest.raises(PrincipalNotProved, match=says) as refused:
        await identify()(credentials)

    assert AZURE_KEY not in str(refused.value)


async def test_a_token_where_none_are_accepted_is_told_so() -> None:
    """ENTRA_TENANT_IDS is not set; only the operator can change that."""
    with pytest.raises(PrincipalNotProved, match="access tokens are not accepted here"):
        await identify(accepts_tokens=False)(Credentials(authorization=f"Bearer {TOKEN}"))


async def test_a_required_role_is_asked_of_entras_principals() -> None:
    """Without it everybody in the tenant may call."""
    has_it = await identify(required_role="A")(Credentials(authorization=f"Bearer {TOKEN}"))

    assert has_it.principal.kind is PrincipalKind.USER
    with pytest.raises(PrincipalNotAllowed, match="'Caller'"):
        await identify(required_role="Caller")(Credentials(authorization=f"Bearer {TOKEN}"))
    with pytest.raises(PrincipalNotAllowed, match="'Caller'"):
        await identify(required_role="Caller", easy_auth=True)(Credentials(client_principal=CLIENT_PRINCIPAL))


async def test_a_required_role_is_not_asked_of_gateway_keys() -> None:
    """Whoever issued the key allowed it."""
    identified = await identify(required_role="Caller")(Credentials(api_key=GATEWAY_KEY))

    assert identified.principal == TEAM


async def test_what_cannot_be_checked_now_is_not_refused_as_wrong() -> None:
    """A 401 would send the caller to look for a fault it does not have."""
    keys, verifier = FakeGatewayKeys(KEY), FakeTokenVerifier()
    keys.failure, verifier.failure = StorageUnavailable("down"), KeysUnavailable("down")
    identify_principal = IdentifyPrincipal(keys=keys, clock=CLOCK, verifier=verifier)

    with pytest.raises(StorageUnavailable):
        await identify_principal(Credentials(api_key=GATEWAY_KEY))
    with pytest.raises(KeysUnavailable):
        await identify_principal(Credentials(authorization=f"Bearer {TOKEN}"))


@pytest.mark.parametrize(
    ("credentials", "headers"),
    [
        (Credentials(api_key=GATEWAY_KEY), set()),
        (Credentials(authorization=f"BEARER {GATEWAY_KEY}"), set()),
        (Credentials(api_key=GATEWAY_KEY, authorization="Bearer aoai-another"), set()),
        (Credentials(api_key=f" {GATEWAY_KEY}", authorization=f"Bearer {TOKEN_FOR_AZURE}"), {b"authorization"}),
        (Credentials(api_key=AZURE_KEY, authorization=f"Bearer {GATEWAY_KEY}"), {b"api-key"}),
        (Credentials(api_key=AZURE_KEY, authorization=f"Bearer {TOKEN}"), {b"api-key", b"authorization"}),
    ],
)
async def test_only_credentials_that_are_no_gateway_keys_may_go_upstream(
    credentials: Credentials, headers: set[bytes]
) -> None:
    """Whichever of them proved the caller: a key of ours in Azure's hands is a key leaked."""
    assert (await identify()(credentials)).foreign_credentials == headers


def test_credentials_do_not_show_what_they_hold() -> None:
    """A repr ends up in logs and tracebacks."""
    shown = repr(Credentials(authorization=TOKEN, api_key=GATEWAY_KEY, client_principal=CLIENT_PRINCIPAL))

    assert TOKEN not in shown
    assert GATEWAY_KEY not in shown
    assert CLIENT_PRINCIPAL not in shown
