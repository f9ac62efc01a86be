"""What deployments serve is learnt, kept, and said where an answer did not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from shared.domain.deployment_models import DeploymentKey, DeploymentModels
from shared.domain.errors import LedgerError, StorageUnavailable
from shared.domain.usage_record import Origin
from shared.usecases.learn_models import LearnModels
from tests.adapters.records import open_call, record
from tests.fakes import FakeUsageLedger

RECORD = record()
KEY = DeploymentKey.of(RECORD.call.resource, RECORD.call.deployment or "")


class FakeModelStore:
    """A DeploymentModelStore in memory. Set `failure` to have everything raise it."""

    def __init__(self) -> None:
        self.kept: dict[DeploymentKey, str] = {}
        self.failure: LedgerError | None = None

    async def all(self) -> Sequence[tuple[DeploymentKey, str]]:
        if self.failure:
            raise self.failure
        return list(self.kept.items())

    async def put(self, key: DeploymentKey, model: str) -> None:
        if self.failure:
            raise self.failure
        self.kept[key] = model


class Desk:
    """A worker that learns."""

    def __init__(self, store: FakeModelStore) -> None:
        self.ledger = FakeUsageLedger()
        self.models = DeploymentModels({})
        self.learning = LearnModels(self.ledger, self.models, store)


async def test_what_one_worker_learns_the_next_one_knows() -> None:
    """A sweeper has seen no answer at all, and its rows are to name the model."""
    store = FakeModelStore()
    first = Desk(store)
    await first.learning.end(RECORD)
    await first.learning.close()

    second = Desk(store)
    await second.learning.abandon(replace(record("c2"), model=None))

    assert store.kept == {KEY: "gpt-4o-2024-11-20"}
    assert second.ledger.records["c2"].model == "gpt-4o-2024-11-20"


async def test_a_worker_that_begins_calls_loads_what_is_known() -> None:
    """Without waiting: the first call is not slower for it."""
    store = FakeModelStore()
    store.kept[KEY] = "gpt-4o-2024-11-20"
    desk = Desk(store)

    await desk.learning.begin(open_call())
    await desk.learning.close()

    assert desk.models.model_of(KEY.resource, KEY.deployment) == "gpt-4o-2024-11-20"


async def test_the_name_of_a_deployment_gives_way_to_its_model() -> None:
    """The Responses API says the one for the other."""
    desk = Desk(FakeModelStore())
    await desk.learning.end(RECORD)

    await desk.learning.end(replace(record("c2"), model="GPT-4o"))
    await desk.learning.close()

    assert desk.ledger.records["c2"].model == "gpt-4o-2024-11-20"


async def test_storage_that_fails_costs_no_call(caplog: pytest.LogCaptureFixture) -> None:
    """It is a convenience; the rows are not."""
    store = FakeModelStore()
    store.failure = StorageUnavailable("down")
    desk = Desk(store)

    await desk.learning.begin(open_call())
    await desk.learning.end(RECORD)
    await desk.learning.close()

    assert desk.ledger.records[RECORD.call.call_id] == RECORD
    assert sorted(event.message for event in caplog.records) == ["models.not_kept", "models.not_loaded"]


async def test_a_withdrawal_teaches_nothing() -> None:
    """The record goes; what its deployment serves was learnt when it was written."""
    desk = Desk(FakeModelStore())
    await desk.ledger.end(RECORD)
    await desk.learning.withdraw(RECORD)

    assert desk.ledger.records == {}


async def test_what_azure_logged_teaches_nothing() -> None:
    """Lines of last month, read again, would have today's calls priced as what the deployment served then."""
    store = FakeModelStore()
    desk = Desk(store)
    await desk.learning.end(replace(RECORD, origin=Origin.AZURE_LOGS))
    await desk.learning.close()

    assert store.kept == {}
    assert desk.models.model_of(KEY.resource, KEY.deployment) is None
