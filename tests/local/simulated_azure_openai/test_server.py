"""Which path is which operation, who may call it, and how Azure says no."""

from __future__ import annotations

import io
import json

import aiohttp
import pytest

from local.simulated_azure_openai import Config, RunningServer, serve
from tests.local.simulated_azure_openai.conftest import CHAT, HELLO, Caller

DATED_CHAT = "/openai/deployments/{}/chat/completions"
KEY = {"api-key": "simulated"}
JSON = KEY | {"content-type": "application/json"}


async def test_a_deployment_is_found_in_the_path_or_in_the_body(caller: Caller) -> None:
    """The relay reads both: the name in the path wins, whatever the body says."""
    dated = DATED_CHAT.format("contoso-chat") + "?api-version=2024-10-21"

    from_path = await caller.post(dated, HELLO | {"model": "gpt-5"})
    from_body = await caller.post(CHAT, HELLO | {"model": "contoso-chat"})

    assert from_path.json["model"] == from_body.json["model"] == "gpt-4.1-mini-2025-04-14"
    assert from_path.headers["x-ms-deployment-name"] == from_body.headers["x-ms-deployment-name"] == "contoso-chat"


@pytest.mark.parametrize("query", ["", "?api-version=", "?api-version=preview"])
async def test_a_dated_path_without_its_version_does_not_exist(caller: Caller, query: str) -> None:
    reply = await caller.post(DATED_CHAT.format("gpt-4o") + query, HELLO)

    assert reply.status == 404
    assert reply.json == {"error": {"code": "404", "message": "Resource not found"}}


@pytest.mark.parametrize("path", ["/", "/openai/v1/nothing", "/openai/v1/chat/completions/more"])
async def test_an_unknown_path_is_not_found(caller: Caller, path: str) -> None:
    reply = await caller.post(path, HELLO)

    assert (reply.status, reply.json["error"]["message"]) == (404, "Resource not found")


@pytest.mark.parametrize(
    ("path", "model"), [(DATED_CHAT.format("nobody") + "?api-version=2024-10-21", "gpt-4o"), (CHAT, "nobody")]
)
async def test_an_unknown_deployment_is_named_as_azure_names_it(caller: Caller, path: str, model: str) -> None:
    reply = await caller.post(path, HELLO | {"model": model})

    assert reply.status == 404
    assert reply.json["error"]["code"] == "DeploymentNotFound"


async def test_a_model_is_refused_for_an_operation_it_cannot_do(caller: Caller) -> None:
    reply = await caller.post(CHAT, HELLO | {"model": "text-embedding-3-small"})

    assert reply.status == 400
    assert reply.json["error"]["code"] == "OperationNotSupported"
    assert "chatCompletion" in reply.json["error"]["message"]


@pytest.mark.parametrize(
    "headers", [{}, {"api-key": "wrong"}, {"Authorization": "Basic simulated"}, {"Authorization": "Bearer "}]
)
async def test_a_call_without_a_credential_is_denied(caller: Caller, headers: dict[str, str]) -> None:
    reply = await caller.send("POST", CHAT, json=HELLO, headers=headers)

    assert (reply.status, reply.json["error"]["code"]) == (401, "401")
    assert reply.json["error"]["message"].startswith("Access denied due to invalid subscription key")


async def test_only_the_tokens_it_was_given_are_taken() -> None:
    """Tests of token forwarding must be able to see the wrong token fail."""
    config = Config(bearer_tokens=frozenset({"right"}))
    async with serve(config) as server, aiohttp.ClientSession() as session:
        caller = Caller(server.url, session)
        right = await caller.send("POST", CHAT, json=HELLO, headers={"Authorization": "Bearer right"})
        wrong = await caller.send("POST", CHAT, json=HELLO, headers={"Authorization": "Bearer wrong"})

    assert (right.status, wrong.status) == (200, 401)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"messages": ' + b"[" * 100_000])
async def test_what_is_no_json_is_refused(caller: Caller, body: bytes) -> None:
    reply = await caller.send("POST", CHAT, data=body, headers=JSON)

    assert (reply.status, reply.json["error"]["type"]) == (400, "invalid_request_error")
    assert reply.json["error"]["message"].startswith("We could not parse the JSON body")


async def test_json_must_be_called_json(caller: Caller) -> None:
    reply = await caller.send("POST", CHAT, data=b"{}", headers=KEY | {"content-type": "text/plain"})

    assert (reply.status, reply.json["error"]["code"]) == (400, "unsupported_content_type")


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"messages": "Hello"}, "messages", "invalid_value"),
        ({"messages": []}, "messages", "invalid_value"),
        ({"n": 0}, "n", "invalid_value"),
        ({"stream": "yes"}, "stream", "invalid_value"),
    ],
)
async def test_a_value_of_the_wrong_kind_is_named(
    caller: Caller, change: dict[str, object], param: str, code: str
) -> None:
    reply = await caller.post(CHAT, HELLO | change)

    assert reply.status == 400
    assert (reply.json["error"]["param"], reply.json["error"]["code"]) == (param, code)


async def test_a_missing_value_is_named(caller: Caller) -> None:
    reply = await caller.post(CHAT, {"model": "gpt-4o"})

    assert reply.status == 400
    assert reply.json["error"]["message"] == "Missing required parameter: 'messages'."


async def test_a_large_body_is_taken(caller: Caller) -> None:
    """Images in a prompt make bodies of tens of megabytes; aiohttp alone would refuse more than one."""
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * (110 << 20)}}
    body = json.dumps(HELLO | {"messages": [{"role": "user", "content": [image]}]}).encode()

    reply = await caller.send("POST", CHAT, data=io.BytesIO(body), headers=JSON)

    assert (reply.status, reply.json["usage"]["prompt_tokens"]) == (200, 92)


async def test_every_answer_has_an_id_of_its_own(server: RunningServer, caller: Caller) -> None:
    """Azure logs a call under this id: reconciliation stands on it, for errors too."""
    replies = [await caller.post(CHAT, HELLO), await caller.post(CHAT, {}), await caller.post("/nothing", {})]

    ids = [reply.headers["apim-request-id"] for reply in replies]

    assert len(set(ids)) == 3
    assert ids == [request.apim_request_id for request in server.requests]


async def test_models_are_listed_in_the_form_of_the_version(caller: Caller) -> None:
    dated = await caller.send("GET", "/openai/models?api-version=2024-10-21")
    v1 = await caller.send("GET", "/openai/v1/models")
    one = await caller.send("GET", "/openai/v1/models/gpt-4o-2024-11-20")

    assert {model["id"] for model in dated.json["data"]} == {model["id"] for model in v1.json["data"]}
    assert dated.json["data"][0]["capabilities"]["inference"] is True
    assert one.json in v1.json["data"]


async def test_images_and_transcriptions_are_answered(caller: Caller) -> None:
    image = await caller.post("/openai/v1/images/generations", {"model": "gpt-image-1", "prompt": "a cat", "n": 2})
    form = aiohttp.FormData()
    form.add_field("file", b"RIFF", filename="speech.wav")
    dated = "/openai/deployments/whisper/audio/transcriptions?api-version=2024-10-21"
    text = await caller.send("POST", dated, data=form)

    assert len(image.json["data"]) == 2
    assert image.json["usage"]["output_tokens"] == 544
    assert text.json == {"text": "Transcription of speech.wav."}
