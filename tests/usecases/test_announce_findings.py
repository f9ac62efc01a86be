"""Findings are told: at least once, under one id, whoever dies, and never for ever."""

from __future__ import annotations

import logging

import pytest

from shared.domain.errors import WebhookFailed, WebhookRefused
from shared.domain.findings.finding import Finding, FindingKind, Part, Severity, Subject, with_part
from shared.usecases.announce_findings import AnnounceFindings
from tests.fakes import FakeClock
from tests.fakes_reconciliation import FakeFindings, FakeWebhook
from tests.usecases.reconciling import NOW, RESOURCE


class Bench:
    """A finding that is newly open, and who tells of it."""

    def __init__(self, webhook: FakeWebhook | None = None) -> None:
        self.clock = FakeClock(NOW)
        self.findings = FakeFindings()
        self.webhook = webhook
        self.announce = AnnounceFindings(
            findings=self.findings, webhook=webhook, body_of=lambda finding: finding.id.encode(), clock=self.clock
        )

    async def found(self, part: Part | None) -> Finding:
        subject = Subject(kind=FindingKind.KEYS_LISTED, day=NOW.date(), resource=RESOURCE, of="x")
        changed = with_part(await self.findings.get(subject.id), subject, "day", part, self.clock.now())
        assert changed
        kept = await self.findings.put(changed)
        assert kept
        return kept


PART = Part(occurrences=1, first_at=NOW, last_at=NOW, severity=Severity.HIGH, evidence=())


def opened(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.__dict__["finding_id"] for record in caplog.records if record.message == "finding.opened"]


async def test_a_finding_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """An alert rule counts log events; the webhook has an id to know a second one by."""
    webhook = FakeWebhook()
    bench = Bench(webhook)
    finding = await bench.found(PART)
    with caplog.at_level(logging.WARNING, logger="shared"):
        await bench.announce()
        await bench.announce()

    assert opened(caplog) == [finding.id]
    assert webhook.delivered == [(f"{finding.id}-1", finding.id.encode())]
    (record,) = caplog.records
    assert (record.__dict__["kind"], record.__dict__["severity"]) == ("keys_listed", "high")


async def test_without_a_webhook_the_log_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """It is what alert rules read."""
    bench = Bench()
    finding = await bench.found(PART)
    await bench.announce()
    await bench.announce()

    assert opened(caplog) == [finding.id]
    assert (await bench.findings.unannounced(NOW.date())) == []


async def test_a_finding_that_is_open_again_is_told_again(caplog: pytest.LogCaptureFixture) -> None:
    """Under another id: it is another message."""
    webhook = FakeWebhook()
    bench = Bench(webhook)
    finding = await bench.found(PART)
    await bench.announce()
    await bench.found(None)
    await bench.announce()
    await bench.found(PART)
    await bench.announce()

    assert [message_id for message_id, _ in webhook.delivered] == [f"{finding.id}-1", f"{finding.id}-2"]


async def test_what_failed_is_tried_again_later_under_the_same_id(caplog: pytest.LogCaptureFixture) -> None:
    """Waiting twice as long each time; the log is told the first time alone."""
    webhook = FakeWebhook()
    webhook.failures = [WebhookFailed("down"), WebhookFailed("down")]
    bench = Bench(webhook)
    finding = await bench.found(PART)
    tries = []
    for _ in range(5):
        await bench.announce()
        tries.append(2 - len(webhook.failures))
        bench.clock.advance(61)

    assert tries == [1, 2, 2, 2, 2]
    assert webhook.delivered == [(f"{finding.id}-1", finding.id.encode())]
    assert opened(caplog) == [finding.id]


async def test_who_dies_before_it_is_kept_that_it_was_told_tells_again() -> None:
    """At least once: the marker goes after the message."""
    webhook = FakeWebhook()
    bench = Bench(webhook)
    finding = await bench.found(PART)
    bench.findings.put = _dies  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        await bench.announce()
    del bench.findings.put
    await bench.announce()
    await bench.announce()

    assert [message_id for message_id, _ in webhook.delivered] == [f"{finding.id}-1"] * 2


async def _dies(finding: Finding) -> None:
    raise RuntimeError("killed")


@pytest.mark.parametrize("error", [WebhookRefused("410"), None])
async def test_what_will_never_be_taken_is_given_up(
    error: WebhookRefused | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Refused for good, or three days long: the log says so, and the finding stays."""
    webhook = FakeWebhook()
    webhook.failures = [error] if error else [WebhookFailed("down") for _ in range(1000)]
    bench = Bench(webhook)
    finding = await bench.found(PART)
    for _ in range(80):
        await bench.announce()
        bench.clock.advance(3600)

    given_up = [record for record in caplog.records if record.message == "finding.not_delivered"]
    assert [record.__dict__["finding_id"] for record in given_up] == [finding.id]
    assert given_up[0].levelname == "ERROR"
    assert (await bench.findings.get(finding.id)) is not None
    assert await bench.findings.unannounced(NOW.date()) == []


async def test_a_finding_that_changes_while_it_is_told_keeps_its_change() -> None:
    """Another hour adds its part in between."""

    class Slow(FakeWebhook):
        async def deliver(self, *args: object) -> None:
            await bench.found(Part(occurrences=9, first_at=NOW, last_at=NOW, severity=Severity.HIGH, evidence=()))

    bench = Bench(Slow())
    finding = await bench.found(PART)
    await bench.announce()

    kept = await bench.findings.get(finding.id)
    assert kept
    assert (kept.occurrences, kept.announcement) == (9, None)
