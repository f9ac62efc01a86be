"""The official clients, with nothing but the endpoint and the key changed."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import openai
import pytest
from langchain_openai import AzureChatOpenAI
from openai.types.chat import ChatCompletionMessageParam
from pydantic import SecretStr

from local.node import node_executable
from shared.domain.usage_record import Outcome, UsageSource
from tests.e2e.gateway import Gateway

API_VERSION = "2024-10-21"
MESSAGES: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Say hello"}]
JAVASCRIPT = Path(__file__).parent.parent / "clients" / "javascript"


def _client(gateway: Gateway, kind: str, key: str) -> openai.OpenAI:
    if kind == "AzureOpenAI":
        return openai.AzureOpenAI(azure_endpoint=gateway.url, api_key=key, api_version=API_VERSION, max_retries=0)
    return openai.OpenAI(base_url=f"{gateway.url}/openai/v1", api_key=key, max_retries=0)


@pytest.mark.parametrize("kind", ["AzureOpenAI", "OpenAI"])
def test_a_chat_completion_works_and_is_charged(gateway: Gateway, kind: str) -> None:
    """The first thing anybody tries."""
    name, key = gateway.new_key()
    with _client(gateway, kind, key) as client:
        answer = client.chat.completions.create(model="gpt-4o", messages=MESSAGES, user="team-7")

    (row,) = gateway.rows(name)
    assert answer.usage is not None
    assert row.usage.total_tokens == answer.usage.total_tokens > 0
    assert (row.call.operation, row.call.deployment, row.call.user_label) == ("chat.completions", "gpt-4o", "team-7")
    assert (row.model, row.finish_reason, row.outcome) == ("gpt-4o-2024-11-20", "stop", Outcome.COMPLETED)
    assert (row.call.caller_address, row.call.principal.key_id is not None) == ("127.0.0.1", True)


@pytest.mark.parametrize("kind", ["AzureOpenAI", "OpenAI"])
@pytest.mark.parametrize("asks_for_usage", [False, True])
def test_a_stream_works_and_is_charged(gateway: Gateway, kind: str, asks_for_usage: bool) -> None:
    """The caller sees the usage chunk only if it asked; the ledger knows the count either way."""
    name, key = gateway.new_key()
    options = {"include_usage": True} if asks_for_usage else {}
    with _client(gateway, kind, key) as client:
        stream = client.chat.completions.create(
            model="gpt-4o",
            messages=MESSAGES,
            stream=True,
            **({"stream_options": options} if options else {}),  # type: ignore[call-overload]
        )
        chunks = list(stream)

    (row,) = gateway.rows(name)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text
    assert sum(chunk.usage is not None for chunk in chunks) == asks_for_usage
    assert (row.usage.source, row.outcome, row.call.streamed) == (UsageSource.REPORTED, Outcome.COMPLETED, True)
    assert row.usage.total_tokens
    assert row.first_chunk_ms is not None
    assert row.first_chunk_ms <= row.duration_ms


def test_responses_embeddings_and_completions_are_charged(gateway: Gateway) -> None:
    """Everything we meter, by its own name."""
    name, key = gateway.new_key()
    with _client(gateway, "OpenAI", key) as client:
        response = client.responses.create(model="gpt-4.1-mini", input="Say hello")
        with client.responses.stream(model="gpt-4.1-mini", input="Say hello") as stream:
            final = stream.get_final_response()
        embedding = client.embeddings.create(model="text-embedding-3-small", input=["one", "two"])
        completion = client.completions.create(model="gpt-35-turbo-instruct", prompt="Once upon")

    rows = gateway.rows(name)
    assert [row.call.operation for row in rows] == ["responses", "responses", "embeddings", "completions"]
    assert response.usage is not None
    assert final.usage is not None
    assert completion.usage is not None
    totals = [response.usage.total_tokens, final.usage.total_tokens]
    totals += [embedding.usage.total_tokens, completion.usage.total_tokens]
    assert [row.usage.total_tokens for row in rows] == totals
    assert rows[0].model == "gpt-4.1-mini-2025-04-14"


def test_what_is_not_metered_is_relayed_and_attributed(gateway: Gateway, tmp_path: Path) -> None:
    """A file goes up and comes down unread; the rows say who did it."""
    name, key = gateway.new_key()
    path = tmp_path / "batch.jsonl"
    path.write_text('{"custom_id":"1"}\n')
    with _client(gateway, "OpenAI", key) as client:
        models = client.models.list()
        file = client.files.create(file=path, purpose="batch")
        content = client.files.content(file.id).read()

    rows = gateway.rows(name)
    assert models.data
    assert content == path.read_bytes()
    assert [row.call.operation for row in rows] == ["models.get", "files", "files.content.get"]
    assert {row.usage.source for row in rows} == {UsageSource.NOT_APPLICABLE}


def test_langchain_works_and_is_charged(gateway: Gateway) -> None:
    """What most applications are written with."""
    name, key = gateway.new_key()
    model = AzureChatOpenAI(
        azure_endpoint=gateway.url,
        azure_deployment="gpt-4o",
        api_version=API_VERSION,
        api_key=SecretStr(key),
        max_retries=0,
    )

    answer = model.invoke("Say hello")
    streamed = "".join(str(chunk.content) for chunk in model.stream("Say hello"))

    assert answer.content
    assert streamed == answer.content
    assert [row.usage.source for row in gateway.rows(name)] == [UsageSource.REPORTED] * 2


def test_the_javascript_client_works_and_is_charged(gateway: Gateway) -> None:
    """The same promise in the other language it is made in."""
    name, key = gateway.new_key()
    environment = {**os.environ, "GATEWAY_URL": gateway.url, "GATEWAY_KEY": key}

    run = subprocess.run(
        [node_executable(), "calls.mjs"],
        cwd=JAVASCRIPT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    seen = json.loads(run.stdout)
    for kind in ("azure", "v1"):
        assert seen[kind]["text"] == seen[kind]["stream"]["text"] != ""
        assert seen[kind]["stream"]["usageChunks"] == 0
    assert seen["wrongKey"] == {"status": 401, "isAuthenticationError": True}
    rows = gateway.rows(name)
    assert [row.call.operation for row in rows] == ["chat.completions"] * 4 + ["responses"]
    assert all(row.usage.source is UsageSource.REPORTED for row in rows)


def test_a_wrong_key_raises_authentication_error(gateway: Gateway) -> None:
    """In the shape the SDK turns into its own exception, with a message that helps."""
    with _client(gateway, "AzureOpenAI", "wrong") as client, pytest.raises(openai.AuthenticationError) as raised:
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES)

    assert raised.value.code == "invalid_credentials"
    assert "gateway key" in raised.value.message


def test_an_entra_token_is_charged_to_its_principal(gateway: Gateway) -> None:
    """The drop-in way for those who already use Entra: the same token, another endpoint."""
    object_id = "77777777-2222-4333-8444-000000000001"
    with openai.AzureOpenAI(
        azure_endpoint=gateway.url,
        azure_ad_token=gateway.entra.token(oid=object_id, upn="alice@contoso.example"),
        api_version=API_VERSION,
        max_retries=0,
    ) as client:
        client.chat.completions.create(model="contoso-chat", messages=MESSAGES)

    (row,) = gateway.rows(object_id)
    principal = row.call.principal
    assert (principal.tenant_id, principal.name, principal.kind) == (
        gateway.entra.tenant,
        "alice@contoso.example",
        "user",
    )
    assert (row.call.deployment, row.model) == ("contoso-chat", "gpt-4.1-mini-2025-04-14")


def test_azures_own_error_arrives_as_azure_sent_it(gateway: Gateway) -> None:
    """An unknown deployment is Azure's to refuse, and the refusal has a row."""
    name, key = gateway.new_key()
    with _client(gateway, "AzureOpenAI", key) as client, pytest.raises(openai.NotFoundError) as raised:
        client.chat.completions.create(model="no-such-deployment", messages=MESSAGES)

    (row,) = gateway.rows(name)
    assert raised.value.code == "DeploymentNotFound"
    assert (row.status, row.outcome, row.error_code) == (404, Outcome.REFUSED_BY_AZURE, "DeploymentNotFound")
    assert row.usage.source is UsageSource.NOT_APPLICABLE
