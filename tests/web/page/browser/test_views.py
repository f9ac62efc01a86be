"""Every view in every light and width: whole, accessible, and asking nobody but its own server."""

from __future__ import annotations

import pytest

from tests.web.page.browser import sample
from tests.web.page.browser.axe import violations
from tests.web.page.browser.conftest import Opener
from tests.web.page.browser.stub import DEVELOPER_KEY, Mode, Stub
from tests.web.page.browser.window import DESKTOP, PHONE, Window

_CALL = sample.records()[3]
VIEWS = {
    "": "Tokens by day",
    "?period=today&measure=cost_usd&split=principal": "Cost by hour",
    "?view=breakdown&by=model": "gpt-4.1-2025-04-14",
    "?view=latency": "Whole call by day",
    "?view=records&deployment=embed": "text-embedding-3-large",
    f"?view=record&call={_CALL['call_id']}&at={_CALL['begun_at']}": "Azure logged this call too",
    "?view=findings&state=all": "A key that was listed is used past the gate",
    "?view=reconciliation&period=today": "contoso-east",
}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_every_view_is_whole_and_accessible(opened: Opener, size: tuple[int, int], theme: str) -> None:
    """In the light somebody works in, on what they have in their hand."""
    window = opened(size=size, theme=theme)
    for query, text in VIEWS.items():
        window.go(query)

        assert text in window.text(), query
        assert violations(window.page) == [], query
        assert overhang(window) == 0, query


def overhang(window: Window) -> int:
    """Return by how much the page is wider than the window."""
    wide: int = window.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return wide


@pytest.mark.parametrize("mode", [Mode.EMPTY, Mode.BROKEN])
def test_a_view_says_when_there_is_nothing_or_an_error(opened: Opener, stub: Stub, mode: Mode) -> None:
    """A blank page is the one answer that tells nobody anything."""
    stub.mode = mode
    window = opened(theme="dark" if mode is Mode.EMPTY else "light")
    for query in VIEWS:
        if mode is Mode.EMPTY and "view=record&" in query:
            continue
        window.go(query)
        told = ["No ", "Nothing "] if mode is Mode.EMPTY else ["Storage is in trouble"]

        assert any(words in window.text() for words in told), query
        assert violations(window.page) == [], query


def test_what_failed_can_be_tried_again(opened: Opener, stub: Stub) -> None:
    """An outage ends while somebody looks at it."""
    stub.mode = Mode.BROKEN
    window = opened("?view=breakdown")
    stub.mode = Mode.DATA
    window.page.get_by_role("button", name="Try again").click()
    window.settle()

    assert "support-assistant" in window.text()
    # The button is gone; the keyboard goes on from where it was.
    assert "support-assistant" in window.page.evaluate("document.activeElement.textContent")


def test_without_a_network_the_page_says_so(opened: Opener) -> None:
    """A laptop that was asleep shows the reason, and not the last numbers as if they were new."""
    window = opened()
    window.page.context.set_offline(True)
    window.page.get_by_role("link", name="Latency", exact=True).click()
    window.settle()

    assert "No connection" in window.text()
    window.faults[:] = [fault for fault in window.faults if "ERR_INTERNET_DISCONNECTED" not in fault]


def test_who_may_see_only_their_own_is_offered_nothing_else(opened: Opener, stub: Stub) -> None:
    """A link that ends in 403 is a broken promise."""
    window = opened(key=DEVELOPER_KEY)
    ways = window.page.get_by_role("navigation", name="Views").inner_text().split()

    assert ways == ["Overview", "Breakdown", "Latency", "Records", "Findings", "1", "open"]
    assert "your own calls" in window.text()
    assert "Principals" not in window.text()
    assert violations(window.page) == []
    assert not [path for path in stub.asked if path.startswith("/reconciliation")]
    # A link that somebody else sent shows what one may see.
    assert "Overview" in window.open("?view=reconciliation").page.inner_text("h1")
    assert "An identity went round the gate" in window.open("?view=findings").text()
    assert "Accept…" not in window.text()


def test_every_chart_has_words_and_numbers(opened: Opener) -> None:
    """A drawing says nothing to a screen reader."""
    window = opened("?period=today&measure=calls&split=model")
    figure = window.page.locator("figure.chart")
    figure.locator("summary").click()

    caption = figure.locator("figcaption").text_content()

    assert caption == "Calls by hour. 12,849 calls in all; most in the hour from 25 Nov, 11:00 UTC, with 1,573."
    assert figure.get_by_role("columnheader").all_inner_texts()[:2] == ["Hour (UTC)", "gpt-4.1-2025-04-14"]
    # Every hour until now, those without calls too.
    assert figure.locator("tbody tr").count() == 15


def test_many_are_thousands_and_millions_that_nobody_takes_for_thousandths(opened: Opener) -> None:
    """In British English a million is "m"; beside dollars and durations that is a milli."""
    figures = opened().page.get_by_role("region", name="This month").inner_text()

    assert "342K" in figures
    assert "742M" in figures


def test_a_call_without_a_price_is_told_beside_the_sum(opened: Opener) -> None:
    """A sum that leaves something out in silence is wrong."""
    assert "calls without a price" in opened().page.get_by_role("region", name="This month").inner_text()


def test_on_paper_there_is_only_the_report(opened: Opener) -> None:
    """Whoever brings it to a meeting prints it."""
    window = opened(theme="dark")
    window.page.emulate_media(media="print")

    assert not window.page.locator(".bar").is_visible()
    assert window.page.get_by_role("heading", name="Principals").is_visible()
    assert window.page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
