"""Lines of AzureOpenAIRequestUsage: the tokens of a call.

No exported line has been published: the members are those that two independent readers use, and what stands
around them is that of RequestResponse.
"""

from __future__ import annotations

import random
from datetime import timedelta

from local.simulated_azure_openai.served_call import ServedCall
from local.simulated_azure_openai.token_counts import TokenCounts
from local.simulated_exports.forms import Forms
from local.simulated_exports.resource import Resource
from local.simulated_exports.wire import Line, compact, enqueue_time, line, log_time

_LOGGED_AFTER_MS = (300, 3000)
_ENQUEUED_BEFORE = timedelta(milliseconds=50)


def request_usage_line(
    call: ServedCall, tokens: TokenCounts, resource: Resource, chance: random.Random, forms: Forms
) -> Line:
    logged_at = call.responded_at + timedelta(milliseconds=chance.randint(*_LOGGED_AFTER_MS))
    properties = {
        "promptTokens": [tokens.prompt],
        "cachedTokens": [tokens.cached],
        "generatedTokens": [tokens.completion],
        "modelDeploymentName": call.deployment or "",
        "modelName": call.model_name or "",
    }
    return line(
        logged_at,
        {
            "EnqueueTime": enqueue_time(logged_at - _ENQUEUED_BEFORE),
            "category": "AzureOpenAIRequestUsage",
            "correlationId": call.correlation_id,
            "event": "ShoeboxAzureOpenAIRequestUsage",
            "location": resource.region,
            "operationName": call.operation,
            "properties": properties if chance.random() < forms.properties_as_object else compact(properties),
            "resourceId": resource.id.upper(),
            "time": log_time(logged_at),
            "Tenant": resource.region,
        },
    )
