"""Going from view to view, narrowing, sorting, deciding: by address, by mouse, by keyboard alone."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import expect

from tests.web.page.browser import sample
from tests.web.page.browser.axe import violations
from tests.web.page.browser.conftest import Opener
from tests.web.page.browser.stub import AUDITOR_KEY, FINOPS_KEY, Mode, Stub
from tests.web.page.browser.window import PHONE, Window


def asked(window: Window) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(window.page.url).query).items()}


def test_what_is_looked_at_is_in_the_address_and_back_leads_back(opened: Opener) -> None:
    """It can be sent to somebody; and nobody loses their way."""
    window = opened()
    page = window.page
    page.get_by_role("link", name="7 days").click()
    window.settle()
    page.get_by_role("row", name="chat-large").get_by_role("link").click()
    window.settle()
    page.get_by_role("link", name="Records", exact=True).click()
    window.settle()

    assert asked(window) == {"period": "7d", "deployment": "chat-large", "view": "records"}
    assert set(page.locator("tbody tr td:nth-child(4)").all_inner_texts()) == {"chat-large\ngpt-4.1-2025-04-14"}

    page.go_back()
    window.settle()
    assert page.inner_text("h1") == "Overview"
    assert asked(window) == {"period": "7d", "deployment": "chat-large"}
    page.go_back()
    window.settle()
    assert page.locator(".chip").count() == 0
    page.go_forward()
    window.settle()
    page.get_by_role("link", name="Without the filter Deployment chat-large").click()
    window.settle()
    assert asked(window) == {"period": "7d"}


def test_a_report_is_narrowed_by_a_value_one_types(opened: Opener, stub: Stub) -> None:
    """A principal that is not among the first is found by its id."""
    window = opened("?view=breakdown&by=model")
    window.page.get_by_text("Add filter").click()
    window.page.get_by_label("Filter by").select_option("label")
    window.page.get_by_label("Label is").fill("batch")
    window.page.keyboard.press("Enter")
    window.settle()

    assert asked(window)["label"] == "batch"
    assert "label=batch" in stub.asked[-1]


def test_other_days_are_chosen_and_wrong_ones_refused(opened: Opener, stub: Stub) -> None:
    """The server would refuse them too, in less words."""
    window = opened("?view=breakdown")
    window.page.get_by_role("link", name="Other…").click()
    window.settle()
    window.page.get_by_label("First day (UTC)").fill("2026-11-20")
    window.page.get_by_label("Last day (UTC)").fill("2026-11-02")
    window.page.get_by_role("button", name="Show", exact=True).click()
    expect(window.page.locator(".range [role=alert]")).to_have_text("The last day is before the first.")
    assert violations(window.page) == []

    window.page.get_by_label("First day (UTC)").fill("2026-11-01")
    window.page.get_by_role("button", name="Show", exact=True).click()
    window.settle()
    assert re.search(r"\b1\W+2 Nov 2026", window.text())
    assert "from=2026-11-01T00%3A00%3A00Z&to=2026-11-03T00%3A00%3A00Z" in stub.asked[-1]


def test_tables_are_sorted_by_the_buttons_in_their_heads(opened: Opener, stub: Stub) -> None:
    """By the server where it has more rows than are shown; the address keeps it."""
    window = opened("?view=breakdown&by=deployment")
    window.page.get_by_role("button", name="Calls").click()
    window.settle()

    assert asked(window)["sort"] == "-calls"
    assert "sort=-calls" in stub.asked[-1]
    assert window.page.get_by_role("columnheader", name="Calls").get_attribute("aria-sort") == "descending"

    window.open("?view=latency&period=today")
    table = window.page.get_by_role("table", name="Latency by deployment")
    table.get_by_role("button", name="Deployment").click()
    assert table.locator("tbody th").all_inner_texts()[:2] == ["chat-large", "chat-reserved"]


def test_a_finding_is_accepted_with_a_reason_and_opened_again(opened: Opener, stub: Stub) -> None:
    """Who looks next must know that somebody has looked, and why it is all right."""
    window = opened("?view=findings")
    page = window.page
    finding = page.get_by_role("listitem").filter(has_text="A key that was listed is used past the gate")
    finding.get_by_text("Evidence (2)").click()
    expect(finding.get_by_role("cell", name="203.0.113.4")).to_be_visible()
    finding.get_by_text("Accept…").click()
    assert violations(page) == []
    finding.get_by_role("button", name="Accept finding").click()
    expect(finding.get_by_role("alert")).to_have_text("Say why it is all right.")
    finding.get_by_label("Reason").fill("A drill, announced on Monday")
    finding.get_by_role("button", name="Accept finding").click()
    expect(finding).to_contain_text("Accepted by finops")
    expect(page.get_by_role("navigation", name="Views")).to_contain_text("1 open")
    finding.get_by_role("button", name="Reopen").click()
    expect(finding.get_by_text("Accept…")).to_be_visible()

    assert stub.posted == [{"state": "accepted", "reason": "A drill, announced on Monday"}, {"state": "open"}]


def test_who_may_not_accept_is_not_offered_to(opened: Opener) -> None:
    """To see everything is not to decide."""
    window = opened("?view=findings", key=AUDITOR_KEY)

    assert "A key that was listed" in window.text()
    assert "Accept…" not in window.text()


def test_one_calls_story_is_told_from_its_row(opened: Opener) -> None:
    """Who made it, what it used, and that Azure says the same."""
    window = opened("?view=records")
    window.page.locator("tbody a").first.click()
    window.settle()
    call = sample.records()[0]

    assert asked(window) == {"view": "record", "call": call["call_id"], "at": call["begun_at"]}
    for text in (call["principal_name"], call["model"], "reported by Azure", "Found by its request id", "First chunk"):
        assert text in window.text()
    assert "Not found" in window.open("?view=record&call=no-such-call").text()


def test_pages_of_records_are_addresses_too(opened: Opener) -> None:
    """What one found on the third page can be sent to somebody."""
    window = opened("?view=records")
    first = window.page.locator("tbody a").first.inner_text()
    window.page.get_by_role("link", name="Next page").click()
    window.settle()
    assert asked(window)["after"] == "50"
    assert window.page.locator("tbody a").first.inner_text() != first
    window.page.get_by_role("link", name="First page").click()
    window.settle()
    assert window.page.locator("tbody a").first.inner_text() == first


def test_the_keyboard_alone_reaches_and_does_everything(opened: Opener) -> None:
    """Some have no mouse; the focus is always seen and never caught."""
    window = opened(size=PHONE)
    page = window.page
    page.keyboard.press("Tab")
    assert focused(window) == "Skip to the report"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    assert focused(window) == "Today"
    page.keyboard.press("Enter")
    window.settle()
    assert asked(window) == {"period": "today"}
    # It is where it was: who tries another period need not come here again.
    assert focused(window) == "Today"
    page.get_by_role("link", name="Latency", exact=True).focus()
    page.keyboard.press("Enter")
    window.settle()
    assert page.evaluate("document.activeElement.tagName") == "H1"
    page.go_back()
    window.settle()

    seen = []
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.append(focused(window))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", seen[-1]
        if seen[-1] == "Whose tokens they were":
            break
    assert {"Add filter", "Cost", "Show the numbers", "support-assistant"} <= set(seen)
    assert seen[-1] == "Whose tokens they were"


def focused(window: Window) -> str:
    text: str = window.page.evaluate("document.activeElement.textContent.trim()")
    return text


def test_a_screen_reader_is_told_of_what_changes(opened: Opener, stub: Stub) -> None:
    """Loading and errors happen where it is not looking."""
    window = opened("?view=latency&period=today")
    window.page.get_by_role("table", name="Latency by deployment").get_by_role("button", name="Deployment").click()
    status = window.page.get_by_role("status")
    expect(status).to_have_text("Sorted by Deployment, ascending.")
    stub.mode = Mode.BROKEN
    window.page.get_by_role("link", name="Records", exact=True).click()
    expect(status).to_contain_text("storage_unavailable")
    assert window.page.title() == "Records · aoai-ledger"


def test_the_theme_one_chooses_stays(opened: Opener) -> None:
    """It is kept in the browser, and is the only thing that is."""
    window = opened("?view=records", theme="dark")
    window.page.get_by_role("button", name="Light theme").click()
    assert ground(window) == "rgb(246, 246, 243)"
    window.open("?view=findings")

    assert ground(window) == "rgb(246, 246, 243)"
    assert window.page.evaluate("Object.keys(localStorage)") == ["aoai-ledger.theme"]


def ground(window: Window) -> str:
    colour: str = window.page.evaluate("getComputedStyle(document.body).backgroundColor")
    return colour


def test_markup_in_what_strangers_wrote_is_text(opened: Opener, stub: Stub) -> None:
    """A label, a name, a model and a finding are whatever somebody sent: none of it may run here."""
    stub.mode = Mode.HOSTILE
    window = opened()
    call = sample.records()[0]
    queries = ["", "?view=breakdown&by=label", "?view=latency", "?view=records", "?view=findings&state=all",
               f"?view=record&call={call['call_id']}", "?view=reconciliation&period=7d",
               f"?view=records&label={sample.HOSTILE}&principal=javascript:alert(1)"]  # fmt: skip
    for query in queries:
        window.go(query)

        assert "onerror=" in window.page.evaluate("document.body.textContent"), query
        assert window.page.locator("main img, main script").count() == 0, query
        assert "owned" not in window.page.title()
        assert not window.page.locator("a[href^='javascript']").count()


def test_an_unchanged_report_is_not_sent_again(opened: Opener, stub: Stub) -> None:
    """Going back costs the ledger nothing but a look."""
    window = opened("?view=breakdown")
    statuses: list[int] = []
    window.page.on("response", lambda it: statuses.append(it.status) if "/usage?" in it.url else None)
    window.page.get_by_role("link", name="Records", exact=True).click()
    window.settle()
    window.page.go_back()
    window.settle()

    assert statuses == [304]
    assert "support-assistant" in window.text()


def test_the_credential_goes_into_no_address(opened: Opener, stub: Stub) -> None:
    """Addresses are in logs, in histories, and on screens that are shared."""
    opened()

    assert stub.asked
    assert not [path for path in stub.asked if FINOPS_KEY in path]
