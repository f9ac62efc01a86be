"""
A server that answers as Azure OpenAI does, to run the product and its tests without one.

    python -m local.simulated_azure_openai --port 8080
    curl http://127.0.0.1:8080/openai/v1/chat/completions -H 'api-key: simulated' \\
        -H 'content-type: application/json' \\
        -d '{"model": "contoso-chat", "messages": [{"role": "user", "content": "Hello"}]}'

It takes the api-key `simulated` and any bearer token, echoes the prompt, and counts a word as a token.

Three request headers, which a relay passes on like any other, change what it does:

    x-simulate            faults and pace, as `chunk_ms=20, cut_bytes=512, gzip`; the keys are the
                          fields of `Simulation`, which says what each does
    x-replay-id           answers with the recording of that id, byte for byte (needs `--replay FILE`)
    x-simulate-address    the address that the call comes from, for the logs

With `--export-to` it exports logs to a storage account as Azure does (`local.simulated_exports`), and with
`--past-the-gate` it is called round the gateway from time to time, so that there is something to find.

`GET /_simulator/requests` returns what it received, one JSON object a line (`ReceivedRequest`), the
apim-request-id of each answer among it; `DELETE` forgets it. No credential is kept.
"""

from local.simulated_azure_openai.config import Config
from local.simulated_azure_openai.replay import Record, load_records, recorded_body
from local.simulated_azure_openai.request_log import ReceivedRequest
from local.simulated_azure_openai.server import RunningServer, create_app, serve
from local.simulated_azure_openai.simulation import Simulation

__all__ = [
    "Config",
    "ReceivedRequest",
    "Record",
    "RunningServer",
    "Simulation",
    "create_app",
    "load_records",
    "recorded_body",
    "serve",
]
