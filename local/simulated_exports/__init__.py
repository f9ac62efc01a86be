"""
Azure's log exports of one simulated Azure OpenAI resource: append blobs as a diagnostic setting writes them.

    exports = SimulatedExports(blob_service, Resource(id="/subscriptions/…"), clock=clock, chance=random.Random(7))
    exports.call(ServedCall(correlation_id=apim_request_id, requested_at=now, tokens=TokenCounts(prompt=9)))
    exports.keys_listed(Administrator(name="eve@contoso.example"))
    await exports.flush()

The last line writes all that was told, at once. Without it, `write_due` writes what is due by the clock, and
`running` does so until its context ends, as `make run` has it. Lines come late (`Lateness`, `AT_ONCE`) and out of
order, in blocks that cut them, in the blob of the hour they arrived in, and of a call sometimes two (`Forms`).

    call(ServedCall)          RequestResponse, AzureOpenAIRequestUsage, Trace where it was refused, metrics
    keys_listed(by)           Activity Log: beginning and end, with name, object id and address; Audit: no name
    key_regenerated(by)       Activity Log, as all the others
    role_granted(object_id)
    deployment_written(name)
    local_auth_enabled(), local_auth_disabled()
    diagnostics_silent(), diagnostics_resumed()
    blobs                     what was written to, as container and name

Under one seed, one clock and one order of calls, the same bytes are written. A minute's metrics are written when
it is over, or by `flush`. What of all this has been seen in real exports, and what is a guess, each module says.
"""

from local.simulated_azure_openai.served_call import ServedCall
from local.simulated_azure_openai.token_counts import TokenCounts
from local.simulated_exports.activity_log import Administrator
from local.simulated_exports.exports import SimulatedExports
from local.simulated_exports.forms import Forms
from local.simulated_exports.lateness import AT_ONCE, Lateness
from local.simulated_exports.resource import ExportedBlob, Resource

__all__ = [
    "AT_ONCE",
    "Administrator",
    "ExportedBlob",
    "Forms",
    "Lateness",
    "Resource",
    "ServedCall",
    "SimulatedExports",
    "TokenCounts",
]
