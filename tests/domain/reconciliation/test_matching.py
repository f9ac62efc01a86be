"""Matching as a fold: whatever comes in whatever order, each call stands once, and where it stands is the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.reconciliation.calls import AzureCall, CallUnderWay, OurCall, with_usage
from shared.domain.reconciliation.matching import CallsUnderWay, MatchedBy, Matching, match
from shared.domain.reconciliation.resource_names import ResourceNames
from tests.usecases.reconciling import GATE, NOW, STRANGER, cut_record, logged_call, logged_usage, our_record

NAMES = ResourceNames({}, {})
_seconds = st.integers(0, 90).map(lambda seconds: NOW + timedelta(seconds=seconds))
_ids = st.sampled_from([f"i{number}" for number in range(6)])


@st.composite
def ours(draw: st.DrawFn) -> list[OurCall]:
    calls = []
    for number in range(draw(st.integers(0, 8))):
        at = draw(_seconds)
        made = draw(st.sampled_from([our_record, cut_record]))(f"c{number}", at=at)
        if made.apim_request_id is not None:
            made = replace(made, apim_request_id=draw(_ids))
        calls.append(OurCall.of(made))
    return calls


@st.composite
def azures(draw: st.DrawFn) -> list[AzureCall]:
    calls = []
    for correlation_id in draw(st.lists(_ids, unique=True)):
        address = draw(st.sampled_from([GATE, STRANGER]))
        size = draw(st.sampled_from([2048, 2049, None]))
        call = logged_call(correlation_id, at=draw(_seconds), caller_address=address, request_bytes=size)
        calls.append(AzureCall(call, NOW))
    return calls


def told(matching: Matching) -> Any:
    """Return a matching without the order of anything."""
    pairs = sorted((pair.ours.call_id, pair.azures.correlation_id, pair.by) for pair in matching.pairs)
    left = sorted(call.call_id for call in matching.ours_only)
    return pairs, left, sorted(call.correlation_id for call in matching.azure_only)


@given(ours(), azures(), st.randoms())
@settings(max_examples=100, deadline=None)
def test_the_order_of_arrival_does_not_matter(our: list[OurCall], azure: list[AzureCall], chance: Any) -> None:
    """Workers write when calls end, Azure when it likes."""
    first = match(our, azure, NAMES)
    chance.shuffle(our)
    chance.shuffle(azure)

    assert told(match(our, azure, NAMES)) == told(first)


@given(ours(), azures())
@settings(max_examples=100, deadline=None)
def test_each_call_stands_once(our: list[OurCall], azure: list[AzureCall]) -> None:
    """None is counted twice, and none is lost."""
    matching = match(our, azure, NAMES)
    our_ids = [pair.ours.call_id for pair in matching.pairs] + [call.call_id for call in matching.ours_only]
    azure_ids = [pair.azures.correlation_id for pair in matching.pairs]
    azure_ids += [call.correlation_id for call in matching.azure_only]

    assert sorted(our_ids) == sorted(call.call_id for call in our)
    assert sorted(azure_ids) == sorted(call.correlation_id for call in azure)


@given(ours(), azures())
@settings(max_examples=100, deadline=None)
def test_a_pair_has_one_id_or_is_the_only_one_that_can_be(our: list[OurCall], azure: list[AzureCall]) -> None:
    """A guess would excuse a bypass."""
    for pair in match(our, azure, NAMES).pairs:
        if pair.by is MatchedBy.ID:
            assert pair.ours.correlation_id == pair.azures.correlation_id
        else:
            assert pair.ours.correlation_id == ""
            assert pair.ours.request_bytes == pair.azures.call.request_bytes


def _streamed(size: int) -> Sequence[OurCall]:
    record = cut_record()
    return [OurCall.of(replace(record, call=replace(record.call, streamed=True, request_bytes=size)))]


def test_a_stream_goes_on_with_an_option_more() -> None:
    """We ask for its usage, and its members go on without blanks between them."""
    logged = [AzureCall(logged_call("x", request_bytes=2048), NOW)]

    assert len(match(_streamed(2048 - 41), logged, NAMES).pairs) == 1
    assert len(match(_streamed(2048 + 20), logged, NAMES).pairs) == 1
    assert match(_streamed(2048 - 100), logged, NAMES).pairs == []


def test_usage_without_its_call_is_left_out() -> None:
    """It says of whom it is nothing at all."""
    calls = with_usage([AzureCall(logged_call("a"), NOW)], [logged_usage("a"), logged_usage("b")])

    assert [call.usage for call in calls] == [logged_usage("a")]


def test_two_accounts_of_one_name_are_told_apart_by_nobody() -> None:
    """In two subscriptions: then a host's name says nothing."""
    one, other = "/subscriptions/1/accounts/contoso", "/subscriptions/2/accounts/contoso"

    assert ResourceNames({}, {}, [one]).resource_of("contoso.openai.azure.com") == one
    assert ResourceNames({}, {}, [one, other]).resource_of("contoso.openai.azure.com") is None
    assert (
        ResourceNames({"contoso.openai.azure.com": other}, {}, [one]).resource_of("contoso.openai.azure.com") == other
    )
    assert ResourceNames({}, {"east.example.com": one}, []).host_of(one) == "east.example.com"


def test_a_crowd_hides_nobody_and_excuses_nobody() -> None:
    """Thousands alike in one minute: none is taken for a cut call's own, nor for another's."""
    crowd = [AzureCall(logged_call(f"x{number}", request_bytes=2048), NOW) for number in range(51)]
    cut = OurCall.of(cut_record("c1"))
    # Within reach of one of the crowd alone, which may be the other's as well.
    edge = AzureCall(logged_call("edge", at=NOW - timedelta(seconds=29), request_bytes=2048), NOW)
    other = OurCall.of(cut_record("c2", at=NOW - timedelta(seconds=58)))
    matching = match([cut, other], [*crowd, edge], NAMES)

    assert matching.pairs == []
    assert len(matching.azure_only) == 52
    assert [pair.ours for pair in match([other], [edge], NAMES).pairs] == [other]


@pytest.mark.parametrize(
    ("changes", "may_be"),
    [
        ({}, True),
        ({"deployment": "GPT-4O"}, True),
        ({"deployment": None}, True),
        ({"request_bytes": None}, True),
        ({"requested_at": NOW + timedelta(seconds=30)}, True),
        ({"requested_at": NOW + timedelta(seconds=31)}, False),
        ({"deployment": "other"}, False),
        ({"request_bytes": 1}, False),
    ],
)
def test_a_call_under_way_may_be_one_that_azure_has_logged(changes: dict[str, Any], *, may_be: bool) -> None:
    """Then it is no bypass yet: Azure logs a stream when it begins."""
    running = CallsUnderWay([CallUnderWay.of(cut_record().call)], NAMES)

    assert running.may_have(AzureCall(logged_call("x", **changes), NOW)) is may_be
