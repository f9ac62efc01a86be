"""Findings as a fold: parts come from any hour in any order, again and again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.adapters.table_findings import finding_entity
from shared.domain.findings.evidence import MAX_FIELDS, MAX_PER_PLACE, evidence
from shared.domain.findings.finding import (
    Announcement,
    Finding,
    FindingKind,
    FindingState,
    Part,
    PartFold,
    Severity,
    Sighting,
    Subject,
    is_finding_id,
    with_part,
)
from shared.domain.findings.texts import summary, title
from shared.domain.table_entity import check_entity
from shared.web.findings import announcement_body, finding_body
from tests.usecases.reconciling import NOW, RESOURCE

SUBJECT = Subject(kind=FindingKind.BYPASS_WITH_KEY, day=NOW.date(), resource=RESOURCE, of="x")
_places = st.sampled_from(["08", "09", "10", "day"])
_hostile = st.text(st.characters(), max_size=300) | st.sampled_from(
    ["=cmd|' /C calc'!A0", "\x00" * 200, "💥" * 200, '"' * 200]
)


def part(occurrences: int = 1, severity: Severity = Severity.LOW) -> Part:
    return Part(occurrences=occurrences, first_at=NOW, last_at=NOW, severity=severity, evidence=(evidence(at=NOW),))


def after(steps: list[tuple[str, Part | None]]) -> Finding | None:
    finding: Finding | None = None
    for place, shown in steps:
        finding = with_part(finding, SUBJECT, place, shown, NOW)
    return finding


_steps = st.lists(st.tuples(_places, st.none() | st.integers(1, 5).map(part)), max_size=12)


@given(_steps)
def test_what_is_open_follows_from_what_each_place_showed_last(steps: list[tuple[str, Part | None]]) -> None:
    """Whatever was shown before, and in which order the places were looked at."""
    finding = after(steps)
    last = {place: shown for place, shown in steps if shown is not None or place}
    expected = {place: shown for place, shown in last.items() if shown}

    if finding is None:
        assert not expected
    else:
        assert finding.parts == expected
        assert finding.occurrences == sum(each.occurrences for each in expected.values())
        assert finding.state is (FindingState.OPEN if expected else FindingState.CLOSED)


@given(_steps)
def test_to_look_again_changes_nothing(steps: list[tuple[str, Part | None]]) -> None:
    """The timer runs each minute, on two instances."""
    finding = after(steps)
    for place, shown in dict(steps).items():
        assert with_part(finding, SUBJECT, place, shown, NOW + timedelta(hours=1)) == finding


def test_nothing_that_never_was_is_kept() -> None:
    """Most hours show nothing of most."""
    assert with_part(None, SUBJECT, "09", None, NOW) is None


def test_an_accepted_finding_stays_so_until_it_is_explained_and_is_so_again() -> None:
    """Who said that it is all right meant that principal, that day."""
    opened = after([("09", part())])
    assert opened
    accepted = opened.accepted(by="me", reason="known", at=NOW)
    more = with_part(accepted, SUBJECT, "10", part(), NOW)
    assert more
    closed = with_part(with_part(more, SUBJECT, "09", None, NOW), SUBJECT, "10", None, NOW)
    again = with_part(closed, SUBJECT, "10", part(), NOW)
    assert closed
    assert again

    assert (more.state, closed.state, again.state) == (
        FindingState.ACCEPTED,
        FindingState.CLOSED,
        FindingState.ACCEPTED,
    )
    assert again.announcement is None
    assert more.no_longer_accepted().state is FindingState.OPEN


def test_what_is_explained_before_it_was_told_is_not_told() -> None:
    """Nobody is woken for what is over."""
    closed = after([("09", part()), ("09", None)])
    again = after([("09", part()), ("09", None), ("09", part())])
    assert closed
    assert again

    assert closed.announcement is None
    assert again.announcement == Announcement(2, NOW)


def test_an_announcement_waits_longer_each_time_and_has_an_end() -> None:
    """A receiver that is gone for good must not be called for ever."""
    announcement, now, pauses = Announcement(1, NOW), NOW, []
    while after_failure := announcement.failed(now):
        assert after_failure.due_at
        pauses.append(after_failure.due_at - now)
        announcement, now = after_failure, after_failure.due_at

    assert [pause.total_seconds() for pause in pauses[:8]] == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert len(pauses) < 100
    assert now - NOW >= timedelta(days=3)


@given(
    st.lists(st.tuples(st.integers(0, 50), st.text(max_size=3), st.sampled_from(Severity)), min_size=1), st.randoms()
)
def test_a_part_is_the_same_in_any_order_of_what_was_seen(seen: list[tuple[int, str, Severity]], chance: Any) -> None:
    """Of many a few are shown, the same few."""

    def folded(order: list[tuple[int, str, Severity]]) -> Part:
        fold = PartFold()
        for seconds, key, severity in order:
            at = NOW + timedelta(seconds=seconds)
            fold.add(Sighting(at, key, severity, lambda at=at, key=key: evidence(at=at, key=key)))  # type: ignore[misc]
        return fold.part()

    first = folded(seen)
    chance.shuffle(seen)

    assert folded(seen) == first
    assert first.occurrences == len(seen)
    assert len(first.evidence) == min(len(seen), MAX_PER_PLACE)


def full(text: str, number: int = 2**80) -> Finding:
    """Return a finding with as much of a text as it can hold, in every hour of its day."""
    shown = evidence(**{f"field_of_a_long_name_{n}": (text if n % 7 else number) for n in range(MAX_FIELDS + 5)})
    each = Part(occurrences=2**40, first_at=NOW, last_at=NOW, severity=Severity.HIGH, evidence=(shown,) * MAX_PER_PLACE)
    subject = Subject(kind=FindingKind.BYPASS_WITH_KEY, day=NOW.date(), resource=text * 9, of=text, object_id=text)
    finding: Finding | None = None
    for hour in range(24):
        finding = with_part(finding, subject, f"{hour:02}", each, NOW)
    finding = with_part(finding, subject, "day", each, NOW)
    assert finding
    return finding.accepted(by=text, reason=text * 9, at=NOW)


@given(_hostile)
@settings(max_examples=60, deadline=None)
def test_whatever_logs_say_a_finding_fits_its_row_and_can_be_shown(text: str) -> None:
    """1 MiB a row, 64 KiB a column; JSON that any reader takes; nothing that a spreadsheet runs."""
    finding = full(text)
    check_entity(finding_entity(finding))
    body = msgspec.json.decode(msgspec.json.encode(finding_body(finding)))

    for shown in body["evidence"][:1]:
        for value in shown.values():
            assert not isinstance(value, str) or (len(value) <= 120 and not value.startswith(("=", "+", "-", "@")))
    assert not any(ord(character) < 32 for character in title(finding) + summary(finding))
    assert msgspec.json.decode(announcement_body(finding))["type"] == "finding.opened"


@given(_hostile, _hostile)
def test_an_id_can_stand_in_a_path_and_in_a_key(resource: str, of: str) -> None:
    """It is a URL's last part, a row's key and a message's id."""
    subject = Subject(kind=FindingKind.KEYS_LISTED, day=NOW.date(), resource=resource, of=of)

    assert is_finding_id(subject.id)
    assert set("/\\#?%. ").isdisjoint(subject.id)
    assert subject == Subject(kind=subject.kind, day=subject.day, resource=subject.resource, of=subject.of)
    assert subject.id == Subject(kind=subject.kind, day=subject.day, resource=subject.resource, of=subject.of).id
