"""Which model a deployment serves, learnt from answers."""

from __future__ import annotations

from dataclasses import replace

from shared.domain.deployment_models import DeploymentKey, DeploymentModels
from tests.adapters.records import record

RECORD = record()
RESOURCE, DEPLOYMENT, MODEL = RECORD.call.resource, "gpt-4o", "gpt-4o-2024-11-20"


def test_a_model_is_learnt_once_and_known_in_any_case() -> None:
    """Azure's names are the same in any case; what is known already need not be kept again."""
    models = DeploymentModels({})

    first, second = models.learn(RECORD), models.learn(RECORD)

    assert (first, second) == (DeploymentKey.of(RESOURCE, DEPLOYMENT), None)
    assert models.model_of(RESOURCE.upper(), "GPT-4o") == MODEL
    assert models.model_of("another.openai.azure.com", DEPLOYMENT) is None
    assert models.model_of(RESOURCE, None) is None


def test_another_model_takes_the_place_of_the_first() -> None:
    """Deployments are upgraded in place."""
    models = DeploymentModels({})
    models.learn(RECORD)

    assert models.learn(replace(RECORD, model="gpt-4o-2024-08-06")) is not None
    assert models.model_of(RESOURCE, DEPLOYMENT) == "gpt-4o-2024-08-06"


def test_the_name_of_the_deployment_and_a_refusal_teach_nothing() -> None:
    """The Responses API names the deployment where others name the model."""
    models = DeploymentModels({})

    assert models.learn(replace(RECORD, model="GPT-4O")) is None
    assert models.learn(replace(RECORD, status=429)) is None
    assert models.learn(replace(RECORD, model=None)) is None
    assert models.model_of(RESOURCE, DEPLOYMENT) is None


def test_the_operator_knows_best() -> None:
    """What is said in the settings is not overruled by an answer."""
    models = DeploymentModels({DEPLOYMENT: "gpt-4.1"})
    models.learn(RECORD)

    assert models.model_of(RESOURCE, DEPLOYMENT) == "gpt-4.1"


def test_it_does_not_grow_without_end() -> None:
    """Callers choose the names of deployments, and a gateway runs for months."""
    models = DeploymentModels({})
    for number in range(2100):
        models.remember(DeploymentKey.of(RESOURCE, f"d{number}"), MODEL)

    assert models.model_of(RESOURCE, "d0") is None
    assert models.model_of(RESOURCE, "d2099") == MODEL
