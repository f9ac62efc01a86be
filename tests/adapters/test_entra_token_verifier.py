"""Entra access tokens, signed with real keys that a real server publishes."""

from __future__ import annotations

import base64
import contextlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any
from unittest.mock import Mock

import aiohttp
import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.adapters.entra_token_verifier import EntraTokenVerifier
from shared.domain.errors import KeysUnavailable, PrincipalNotProved
from shared.domain.principal import Principal, PrincipalKind
from tests.adapters.entra import APP, AUDIENCE, OBJECT, OTHER_TENANT, TENANT, Entra, public_pem, rsa_key
from tests.fakes import FakeClock

MIRID = "/subscriptions/s/resourcegroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/uami-app"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def entra() -> AsyncIterator[Entra]:
    entra = Entra()
    await entra.server.start_server()
    yield entra
    await entra.server.close()


@pytest.fixture
async def verifier(entra: Entra, clock: FakeClock) -> AsyncIterator[EntraTokenVerifier]:
    async with aiohttp.ClientSession() as session:
        yield EntraTokenVerifier(
            tenants=frozenset({TENANT.upper()}),
            audiences=frozenset({AUDIENCE + "/", APP, "api://relay"}),
            authority=entra.authority,
            session=session,
            clock=clock,
        )


async def refusal(verifier: EntraTokenVerifier, token: str) -> str:
    with pytest.raises(PrincipalNotProved) as refused:
        await verifier.verify(token)
    return str(refused.value)


async def test_a_v1_token_of_a_user_proves_the_user(
    verifier: EntraTokenVerifier, entra: Entra, clock: FakeClock
) -> None:
    """The token of `az account get-access-token` and of DefaultAzureCredential on a laptop."""
    verified = await verifier.verify(entra.token(entra.v1_claims(clock.now())))

    assert Principal.from_claims(verified) == Principal(
        tenant_id=TENANT,
        object_id=OBJECT,
        app_id=APP,
        kind=PrincipalKind.USER,
        name="user@contoso.example",
    )


async def test_a_v2_token_of_a_user_proves_the_user(
    verifier: EntraTokenVerifier, entra: Entra, clock: FakeClock
) -> None:
    """The version is the resource's choice; both must work."""
    verified = await verifier.verify(entra.token(entra.v2_claims(clock.now(), roles=["Ledger.Reader"])))

    principal = Principal.from_claims(verified)
    assert (principal.kind, principal.app_id) == (PrincipalKind.USER, APP)
    assert principal.roles == {"Ledger.Reader"}


async def test_a_token_of_an_application_proves_the_service_principal(
    verifier: EntraTokenVerifier, entra: Entra, clock: FakeClock
) -> None:
    """Without `idtyp` and `scp`, as for an audience of Microsoft's own."""
    claims = entra.v1_claims(clock.now(), idtyp=None, scp=None, upn=None, sub=OBJECT)
    verified = await verifier.verify(entra.token(claims))

    assert Principal.from_claims(verified).kind is PrincipalKind.APPLICATION


async def test_a_token_of_a_managed_identity_proves_it_for_its_whole_day(
    verifier: EntraTokenVerifier, entra: Entra, clock: FakeClock
) -> None:
    """Such tokens live 24 h, longer than we keep keys."""
    exp = int(clock.now().timestamp()) + 86700
    claims = entra.v1_claims(clock.now(), idtyp="app", scp=None, upn=None, sub=OBJECT, xms_mirid=MIRID, exp=exp)
    token = entra.token(claims)
    clock.advance(86000)
    principal = Principal.from_claims(await verifier.verify(token))

    assert (principal.kind, principal.name) == (PrincipalKind.MANAGED_IDENTITY, "uami-app")


@pytest.mark.parametrize("audience", [AUDIENCE, AUDIENCE + "/", "api://relay"])
async def test_the_slash_of_an_address_does_not_matter(
    verifier: EntraTokenVerifier, entra: Entra, clock: FakeClock, audience: str
) -> None:
    """v1 tokens carry what the client asked for, with the slash or without."""
    verified = await verifier.verify(entra.token(entra.v1_claims(clock.now(), aud=audience)))

    assert verified.claims["aud"] == audience


@pytest.mark.parametrize("seconds", [-60, 4500 + 59])
async def test_clocks_may_differ_by_a_minute(
    verifier: EntraTokenVerifier, entra: Entra, clock: FakeClock, seconds: int
) -> None:
    """Entra's clock and ours are not the same clock."""
    token = entra.token(entra.v1_claims(clock.now()))
    clock.advance(seconds)

    assert await verifier.verify(token)


async def test_claims_cannot_be_changed_once_verified(
    verifier: EntraTokenVerifier, entra: Entra, clock: FakeClock
) -> None:
    """They are shared by all calls with the token."""
    verified = await verifier.verify(entra.token(entra.v1_claims(clock.now())))

    with pytest.raises(TypeError):
        verified.claims["oid"] = "somebody-else"  # type: ignore[index]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"aud": "https://management.azure.com"}, "another audience"),
        ({"aud": APP + "/"}, "another audience"),
        ({"aud": "api://relay/"}, "another audience"),
        ({"aud": [AUDIENCE]}, "another audience"),
        ({"aud": None}, "another audience"),
        ({"tid": OTHER_TENANT, "iss": f"https://sts.windows.net/{OTHER_TENANT}/"}, "tenant that is not allowed"),
        ({"iss": f"https://sts.windows.net/{OTHER_TENANT}/"}, "'iss' claim"),
        ({"iss": f"https://sts.windows.net/{TENANT}"}, "'iss' claim"),
        ({"iss": f"https://login.microsoftonline.com/{TENANT}/v2.0"}, "'iss' claim"),
        ({"iss": None}, "'iss' claim"),
        ({"ver": "2.0"}, "'iss' claim"),
        ({"ver": None}, "'ver' claim"),
        ({"tid": None}, "no 'tid' claim"),
        ({"tid": 7}, "no 'tid' claim"),
        ({"oid": None}, "no 'oid' claim"),
        ({"oid": ["x"]}, "no 'oid' claim"),
        ({"exp": None}, "no 'exp' claim"),
        ({"nbf": None}, "no 'nbf' claim"),
        ({"iat": None}, "no 'iat' claim"),
        ({"exp": True}, "no 'exp' claim"),
        ({"exp": 1e300}, "no 'exp' claim"),
    ],
)
async def test_a_wrong_claim_is_named(
    verifier: EntraTokenVerifier, entra: Entra, clock: FakeClock, changes: dict[str, Any], reason: str
) -> None:
    """Whoever set up the client wrong must see what to mend, and nobody the token."""
    token = entra.token(entra.v1_claims(clock.now(), **changes))
    message = await refusal(verifier, token)

    assert reason in message
    assert token not in message


@pytest.mark.parametrize(
    ("seconds", "reason"), [(4500 + 60, "expired"), (-61, "'nbf' claim is in the future"), (10**9, "expired")]
)
async def test_a_token_out_of_its_time_is_refused(
    verifier: EntraTokenVerifier, entra: Entra, clock: FakeClock, seconds: int, reason: str
) -> None:
    """By the clock handed in, to the second."""
    token = entra.token(entra.v1_claims(clock.now()))
    clock.advance(seconds)

    assert reason in await refusal(verifier, token)


async def test_a_token_issued_in_the_future_is_refused(
    verifier: EntraTokenVerifier, entra: Entra, clock: FakeClock
) -> None:
    """Nobody but a forger or a broken clock makes one."""
    claims = entra.v1_claims(clock.now(), iat=int(clock.now().timestamp()) + 61)

    assert "'iat' claim is in the future" in await refusal(verifier, entra.token(claims))


async def test_an_unsigned_token_is_refused(verifier: EntraTokenVerifier, entra: Entra, clock: FakeClock) -> None:
    """`alg: none` is the oldest forgery there is."""
    token = jwt.encode(entra.v1_claims(clock.now()), "", algorithm="none", headers={"kid": "first"})

    assert "RS256" in await refusal(verifier, token)


async def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(
    verifier: EntraTokenVerifier, entra: Entra, clock: FakeClock
) -> None:
    """A verifier that believes the header takes HS256 with the published key."""
    parts = [{"alg": "HS256", "typ": "JWT", "kid": "first"}, entra.v1_claims(clock.now())]
    signed = ".".join(_base64url(json.dumps(part).encode()) for part in parts)
    signature = hmac.digest(public_pem("first"), signed.encode(), "sha256")

    assert "RS256" in await refusal(verifier, f"{signed}.{_base64url(signature)}")


async def test_a_token_signed_with_another_key_of_the_same_id_is_refused(
    verifier: EntraTokenVerifier, entra: Entra, clock: FakeClock
) -> None:
    """Anybody can write a key id into a header."""
    token = entra.token(entra.v1_claims(clock.now()), signed_with="forger", kid="first")

    assert "signature" in await refusal(verifier, token)


async def test_a_token_changed_after_it_was_signed_is_refused(
    verifier: EntraTokenVerifier, entra: Entra, clock: FakeClock
) -> None:
    """Else anybody could be anybody."""
    header, _, signature = entra.token(entra.v1_claims(clock.now())).split(".")
    claims = entra.v1_claims(clock.now(), oid="22222222-2222-4333-8444-555555555555")

    assert "signature" in await refusal(verifier, f"{header}.{_base64url(json.dumps(claims).encode())}.{signature}")


async def test_a_token_without_a_key_id_is_refused(
    verifier: EntraTokenVerifier, entra: Entra, clock: FakeClock
) -> None:
    """Trying every key would be work for whoever asks."""
    token = jwt.encode(entra.v1_claims(clock.now()), rsa_key("first"), algorithm="RS256")

    assert "'kid'" in await refusal(verifier, token)


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c", "....", "ey.ey.ey", "\udcff.a.b", "é.a.b", "." * 16000])
async def test_what_is_no_token_is_refused_without_asking_entra(
    verifier: EntraTokenVerifier, entra: Entra, token: str
) -> None:
    """Nobody may use us to knock at Entra's door."""
    await refusal(verifier, token)

    assert entra.asked == []


async def test_a_tenant_that_is_not_allowed_makes_nothing_be_fetched(
    verifier: EntraTokenVerifier, entra: Entra, clock: FakeClock
) -> None:
    """Else the tenant in a forged token chooses which address we call."""
    for tenant_id in (OTHER_TENANT, "..", "../evil", ""):
        await refusal(verifier, entra.token(entra.v1_claims(clock.now(), tid=tenant_id)))

    assert entra.asked == []


async def test_an_oversized_token_is_refused_before_it_is_read(
    verifier: EntraTokenVerifier, entra: Entra, clock: FakeClock
) -> None:
    """Reading and hashing a megabyte a call would be a way to keep us busy."""
    claims = entra.v1_claims(clock.now(), filler="x" * 16384)

    assert "too long" in await refusal(verifier, entra.token(claims))
    assert entra.asked == []


@pytest.mark.parametrize("opening", ["[", '{"a":'])
async def test_deep_nesting_is_refused_as_any_garbage(verifier: EntraTokenVerifier, opening: str) -> None:
    """A parser that runs out of stack must not take the call with it."""
    deep = _base64url((opening * (11000 // len(opening))).encode())

    assert "cannot be read" in await refusal(verifier, f"{_base64url(b'{}')}.{deep}.AA")
    assert "cannot be read" in await refusal(verifier, f"{deep}.{_base64url(b'{}')}.AA")


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_whatever_is_forged_is_refused_and_nothing_else(
    verifier: EntraTokenVerifier, entra: Entra, clock: FakeClock, data: st.DataObject
) -> None:
    """An exception nobody foresaw would be a bare 500."""
    token = data.draw(_forged_tokens(entra.token(entra.v1_claims(clock.now()))))
    with pytest.raises(PrincipalNotProved):
        await verifier.verify(token)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(odd=st.data())
async def test_a_signed_token_with_odd_claims_is_refused_or_proves_its_own_principal(
    verifier: EntraTokenVerifier, entra: Entra, clock: FakeClock, odd: st.DataObject
) -> None:
    """Whoever signs may send claims of any type; none of them may break a check."""
    claims = entra.v1_claims(clock.now()) | odd.draw(st.dictionaries(_CHECKED_CLAIMS, _JSON, min_size=1))
    with contextlib.suppress(PrincipalNotProved):
        verified = await verifier.verify(entra.token(claims))

        assert (verified.claims["tid"], verified.claims["oid"]) == (TENANT, claims["oid"])


async def test_a_verified_token_is_checked_once_until_it_expires(
    verifier: EntraTokenVerifier, entra: Entra, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checking costs more than all else before a call; but a token must not outlive its end in a cache."""
    reading = Mock(wraps=jwt.decode_complete)
    monkeypatch.setattr(jwt, "decode_complete", reading)
    token = entra.token(entra.v1_claims(clock.now()))
    first = await verifier.verify(token)
    clock.advance(4499)

    assert await verifier.verify(token) is first
    assert reading.call_count == 1

    clock.advance(1)
    await verifier.verify(token)

    assert reading.call_count == 2

    clock.advance(60)

    assert "expired" in await refusal(verifier, token)


async def test_a_refused_token_is_not_remembered(verifier: EntraTokenVerifier, entra: Entra, clock: FakeClock) -> None:
    """A token that came a little early is good a little later."""
    token = entra.token(entra.v1_claims(clock.now()))
    clock.advance(-120)
    await refusal(verifier, token)
    clock.advance(120)

    assert await verifier.verify(token)


async def test_a_key_entra_does_not_publish_proves_nothing(
    verifier: EntraTokenVerifier, entra: Entra, clock: FakeClock
) -> None:
    """The key id is the caller's to write."""
    token = entra.token(entra.v1_claims(clock.now()), signed_with="forger")

    assert "does not publish" in await refusal(verifier, token)


async def test_without_keys_a_token_is_neither_good_nor_bad(
    verifier: EntraTokenVerifier, entra: Entra, clock: FakeClock
) -> None:
    """The caller did nothing wrong: it is told to come again, not that its token is bad."""
    entra.status = 503

    with pytest.raises(KeysUnavailable):
        await verifier.verify(entra.token(entra.v1_claims(clock.now())))


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


_CHECKED_CLAIMS = st.sampled_from(["iss", "aud", "tid", "oid", "ver", "exp", "nbf", "iat"])
_NAMES = _CHECKED_CLAIMS | st.sampled_from(["alg", "kid", "crit", "b64", "typ", "enc"])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=6),
    max_leaves=12,
)


def _forged_tokens(token: str) -> st.SearchStrategy[str]:
    """Text, three segments of bytes or of JSON of any form, and a good token with one character changed."""
    segments = st.binary(max_size=40) | _JSON.map(lambda value: json.dumps(value).encode())
    three = st.lists(segments.map(_base64url), min_size=3, max_size=3).map(".".join)
    return st.text() | three | _changed(token)


def _changed(token: str) -> st.SearchStrategy[str]:
    changes = st.tuples(st.integers(0, len(token) - 1), st.characters())
    different = changes.filter(lambda change: token[change[0]] != change[1])
    return different.map(lambda change: token[: change[0]] + change[1] + token[change[0] + 1 :])
