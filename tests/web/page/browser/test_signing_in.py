"""Who looks, and how they say so: nothing of it is left behind."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from shared.domain.errors import PrincipalNotAllowed, StorageUnavailable
from tests.web.page.browser.axe import violations
from tests.web.page.browser.conftest import Opener
from tests.web.page.browser.stub import DEVELOPER_KEY, FINOPS_KEY, Stub
from tests.web.page.browser.window import PHONE, Window


def sign_in(window: Window, credential: str) -> None:
    window.page.get_by_label("Gateway key or access token").fill(credential)
    window.page.keyboard.press("Enter")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_who_is_nobody_yet_is_asked(opened: Opener, theme: str) -> None:
    """And is asked for nothing else: the page has nothing to show."""
    window = opened("?view=records", key=None, theme=theme, size=PHONE)

    assert "Gateway key or access token" in window.text()
    assert "Sign in with Microsoft" not in window.text()
    assert violations(window.page) == []


def test_a_key_opens_what_was_asked_for_and_stays_in_the_tab(opened: Opener) -> None:
    """A link somebody sent is not lost by signing in; and a key in an address would be in every log on the way."""
    window = opened("?view=breakdown&by=model", key=None)
    sign_in(window, FINOPS_KEY)
    expect(window.page.get_by_role("heading", name="Breakdown")).to_be_visible()
    window.settle()

    assert "gpt-4.1-2025-04-14" in window.text()
    assert FINOPS_KEY not in window.page.url
    assert window.page.evaluate("document.cookie + JSON.stringify(localStorage)") == "{}"
    assert window.page.evaluate("Object.values(sessionStorage)").count(FINOPS_KEY) == 1


def test_a_token_is_shown_as_a_bearer_and_a_key_as_a_key(opened: Opener) -> None:
    """The platform's own sign-in looks at bearers, and refuses what is none of Entra's."""
    window = opened(key=None)
    shown: list[dict[str, str]] = []
    window.page.on("request", lambda it: shown.append(it.headers) if it.url.endswith("/usage/page/me") else None)
    for credential in ("aoai-wrong", "head.claims.signature"):
        sign_in(window, credential)
        expect(window.page.get_by_role("alert")).not_to_be_empty()

    assert [(it.get("api-key"), it.get("authorization")) for it in shown] == [
        ("aoai-wrong", None),
        (None, "Bearer head.claims.signature"),
    ]


def test_a_wrong_key_is_refused_in_words_and_forgotten(opened: Opener) -> None:
    """To try again one need not close anything."""
    window = opened(key=None)
    sign_in(window, "aoai-wrong")
    expect(window.page.get_by_role("alert")).to_have_text("the gateway key is not known")

    assert "aoai-wrong" not in str(window.page.evaluate("Object.values(sessionStorage)"))
    sign_in(window, "two words")
    expect(window.page.get_by_role("alert")).to_contain_text("without blanks")


def test_signing_out_forgets_the_key_and_what_was_shown(opened: Opener) -> None:
    """The next to sit down at this machine sees nothing, and goes on as themselves."""
    window = opened("?view=breakdown")
    window.page.get_by_role("button", name="Sign out").click()
    expect(window.page.get_by_label("Gateway key or access token")).to_be_visible()

    assert window.page.evaluate("sessionStorage.getItem('aoai-ledger.credential')") is None
    assert "support-assistant" not in window.text()
    sign_in(window, DEVELOPER_KEY)
    window.settle()
    expect(window.page.get_by_text("your own calls")).to_be_visible()
    assert "support-assistant" not in window.text()


def test_a_key_that_ran_out_while_the_page_was_open_leads_back_to_the_door(opened: Opener, stub: Stub) -> None:
    """Keys expire, and are revoked."""
    window = opened()
    stub.keys.held.clear()
    window.page.get_by_role("link", name="Latency", exact=True).click()
    expect(window.page.get_by_label("Gateway key or access token")).to_be_visible()


def test_who_is_known_and_may_not_enter_is_told_so(opened: Opener, stub: Stub) -> None:
    """Their token is right and lacks a role: another one may have it."""
    stub.refusal = PrincipalNotAllowed("the principal lacks the app role 'Models.Call'")
    window = opened()

    expect(window.page.get_by_role("alert")).to_have_text("the principal lacks the app role 'Models.Call'")
    assert violations(window.page) == []


def test_what_cannot_be_told_yet_can_be_asked_again(opened: Opener, stub: Stub) -> None:
    """Storage, which knows the keys, may be down when the page is opened; the key is not thrown away for that."""
    stub.refusal = StorageUnavailable("down")
    window = opened()
    assert "Storage is in trouble" in window.text()
    assert violations(window.page) == []
    stub.refusal = None
    window.page.get_by_role("button", name="Try again").click()
    window.settle()

    assert "Tokens by day" in window.text()


@pytest.mark.parametrize("stub", [Stub(easy_auth=True)], ids=["easy auth"])
def test_where_the_platform_signs_in_its_way_is_offered_first(opened: Opener, stub: Stub) -> None:
    """And comes back to what was asked for."""
    window = opened("?view=records", key=None)
    href = window.page.get_by_role("link", name="Sign in with Microsoft").get_attribute("href") or ""

    assert urlsplit(href).path == "/.auth/login/aad"
    assert parse_qs(urlsplit(href).query) == {"post_login_redirect_uri": ["/usage/page?view=records"]}
    assert violations(window.page) == []


def test_a_file_is_fetched_with_the_key_a_link_could_not_carry(opened: Opener, stub: Stub) -> None:
    """What is on the page can be taken away, as the same report."""
    window = opened("?view=breakdown&by=model")
    with window.page.expect_download() as downloaded:
        window.page.get_by_role("link", name="CSV").click()

    assert downloaded.value.suggested_filename == "usage-by-model-2026-11-01.csv"
    assert Path(downloaded.value.path()).read_text() == "model,calls\nm,1\n"
    assert "by=model" in stub.asked[-1]
    assert "format=csv" in stub.asked[-1]
