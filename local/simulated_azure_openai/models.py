"""The list of models of the resource, in the old form and in that of /openai/v1."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from local.simulated_azure_openai.answer import Answer, json_answer
from local.simulated_azure_openai.azure_errors import not_found
from local.simulated_azure_openai.call import Call
from local.simulated_azure_openai.deployments import Deployment, Operation

_CREATED = 1_735_689_600  # 2025-01-01


class Models:
    """The models behind the deployments, each once."""

    def __init__(self, deployments: Iterable[Deployment]) -> None:
        self._models = {deployment.model: deployment.operation for deployment in deployments}

    def listing(self, call: Call) -> Answer:
        models = [_model(call, name, operation) for name, operation in self._models.items()]
        return json_answer({"data": models, "object": "list"})

    def retrieve(self, call: Call) -> Answer:
        """
        Return one model.

        Raises:
            AzureError: 404, no deployment serves it.
        """
        name = call.path["id"]
        if name not in self._models:
            raise not_found("model", name)
        return json_answer(_model(call, name, self._models[name]))


def _model(call: Call, name: str, operation: Operation) -> dict[str, Any]:
    if call.api_version is None:
        return {"id": name, "object": "model", "created": _CREATED, "owned_by": "system"}
    return {
        "capabilities": {
            "fine_tune": False,
            "inference": True,
            "completion": operation is Operation.COMPLETION,
            "chat_completion": operation is Operation.CHAT_COMPLETION,
            "embeddings": operation is Operation.EMBEDDINGS,
        },
        "lifecycle_status": "generally-available",
        "id": name,
        "status": "succeeded",
        "created_at": _CREATED,
        "object": "model",
    }
