"""A path says which operation a call is, and nothing a caller writes into it grows that list."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import MalformedRequest
from shared.domain.operation import Metered, Route, parse_route


def route(path: str, method: str = "POST", query: bytes = b"") -> Route:
    return parse_route(method, path.encode(), query)


@pytest.mark.parametrize("prefix", ["/openai/deployments/my-gpt", "/openai/v1", "/openai"])
@pytest.mark.parametrize(
    ("path", "operation", "metered"),
    [
        ("/chat/completions", "chat.completions", Metered.CHAT_COMPLETIONS),
        ("/completions", "completions", Metered.COMPLETIONS),
        ("/embeddings", "embeddings", Metered.EMBEDDINGS),
        ("/responses", "responses", Metered.RESPONSES),
        ("/responses/compact", "responses.compact", Metered.RESPONSES),
        ("/responses/input_tokens", "responses.input_tokens", None),
        ("/extensions/chat/completions", "extensions.chat.completions", None),
        ("/images/generations", "images.generations", None),
        ("/images/edits", "images.edits", None),
        ("/audio/transcriptions", "audio.transcriptions", None),
        ("/audio/translations", "audio.translations", None),
        ("/audio/speech", "audio.speech", None),
    ],
)
def test_inference_is_named_alike_under_every_prefix(
    prefix: str, path: str, operation: str, metered: Metered | None
) -> None:
    """The deployment stands in the path or in the body; what is done, and how it is metered, is the same."""
    found = route(prefix + path)

    assert (found.operation, found.metered) == (operation, metered)
    assert found.deployment == ("my-gpt" if "deployments" in prefix else None)
    assert found.is_v1 is prefix.endswith("v1")


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("GET", "/openai/v1/models", "models.get"),
        ("GET", "/openai/models/gpt-4o", "models.get"),
        ("POST", "/openai/v1/files", "files"),
        ("GET", "/openai/v1/files/file-1/content", "files.content.get"),
        ("DELETE", "/openai/files/file-1", "files.delete"),
        ("POST", "/openai/v1/uploads/upload_1/parts", "uploads.parts"),
        ("POST", "/openai/v1/uploads/upload_1/complete", "uploads.complete"),
        ("POST", "/openai/batches", "batches"),
        ("POST", "/openai/batches/batch_1/cancel", "batches.cancel"),
        ("POST", "/openai/v1/fine_tuning/jobs", "fine_tuning.jobs"),
        ("GET", "/openai/v1/fine_tuning/jobs/ftjob-1/checkpoints", "fine_tuning.jobs.checkpoints.get"),
        ("POST", "/openai/threads/thread_1/runs/run_1/submit_tool_outputs", "threads.runs.submit_tool_outputs"),
        ("GET", "/openai/threads/thread_1/runs/run_1/steps/step_1", "threads.runs.steps.get"),
        ("POST", "/openai/vector_stores/vs_1/search", "vector_stores.search"),
        ("GET", "/openai/v1/responses/resp_1", "responses.get"),
        ("GET", "/openai/v1/responses/resp_1/input_items", "responses.input_items.get"),
        ("DELETE", "/openai/v1/responses/resp_1", "responses.delete"),
        ("POST", "/openai/v1/responses/resp_1/cancel", "responses.cancel"),
        ("GET", "/openai/v1/chat/completions/chatcmpl-1", "chat.completions.get"),
        ("GET", "/openai/v1/chat/completions/chatcmpl-1/messages", "chat.completions.messages.get"),
        ("POST", "/openai/v1/videos/video_1/remix", "videos.remix"),
        ("POST", "/openai/v1/realtime/client_secrets", "realtime.client_secrets"),
        ("GET", "/openai/realtime", "realtime.get"),
        ("GET", "/openai/deployments", "other"),
        ("GET", "/openai/deployments/my-gpt", "other"),
        ("POST", "/openai/something/new", "other"),
        ("POST", "/openai/something/chat/completions", "other"),
        ("GET", "/openai", "other"),
        ("POST", "/openai/v1", "other"),
    ],
)
def test_what_is_not_metered_is_named_all_the_same(method: str, path: str, operation: str) -> None:
    """Every call has a record that says what it was, also where no tokens are counted."""
    found = route(path, method)

    assert (found.operation, found.metered) == (operation, None)


@pytest.mark.parametrize(
    "path", ["/openai/v1/chat/completions/chatcmpl-1", "/openai/v1/responses/resp_1", "/openai/chat/x/completions"]
)
def test_a_path_with_an_id_is_not_metered(path: str) -> None:
    """
    The answer to an update of a stored completion shows usage that was charged when it was made.

    https://learn.microsoft.com/azure/foundry/reference/rest/chat-generated-update-chat-completion
    """
    assert route(path).metered is None


ids = st.text(string.ascii_letters + string.digits + "-_.", min_size=1).map(lambda text: "id-" + text)
known = st.sampled_from("chat completions responses files content threads runs cancel batches".split())


@given(st.lists(known | ids, max_size=6), st.sampled_from(["GET", "POST", "DELETE"]))
def test_no_id_shows_up_in_an_operation(segments: list[str], method: str) -> None:
    """Rollups have a row an operation: a name for every file would have them grow without end."""
    operation = route("/openai/v1/" + "/".join(segments), method).operation

    assert "id-" not in operation


@pytest.mark.parametrize(
    ("segment", "deployment"),
    [
        ("gpt-4o", "gpt-4o"),
        ("GPT-4o", "GPT-4o"),
        ("gpt%2D4o", "gpt-4o"),
        ("gpt%2d4o", "gpt-4o"),
        ("chat", "chat"),
        ("a%20b", "a b"),
        ("%c3%bc", "ü"),
        ("%C3%BC", "ü"),
        ("%ff", "\ufffd"),
        ("100%", "100%"),
        ("..x", "..x"),
        ("x" * 1000, "x" * 256),
    ],
)
def test_a_deployment_is_read_in_any_spelling(segment: str, deployment: str) -> None:
    """Escapes come in both cases; two spellings of one deployment are one row of the report."""
    found = route(f"/openai/deployments/{segment}/chat/completions")

    assert (found.deployment, found.operation) == (deployment, "chat.completions")


@pytest.mark.parametrize(
    "path",
    [
        "/openai/deployments/d/chat/completions/",
        "/openai/deployments/d//chat/completions",
        "openai/deployments/d/chat/completions",
        "/openai/deployments/d/%63hat/completions",
        "/openai/deployments/d/Chat/Completions",
        "/OpenAI/Deployments/d/chat/completions",
        "/%6fpenai/deployments/d/chat/completions",
        "/openai/V1/chat/completions",
    ],
)
def test_no_spelling_goes_unmetered(path: str) -> None:
    """A route that Azure may match all the same must not be a way round the ledger."""
    assert route(path).metered is Metered.CHAT_COMPLETIONS


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/admin",
        "/openaix/v1/models",
        "/openai/../admin",
        "/openai/./v1/models",
        "/openai/v1/..",
        "/openai/%2e%2e/admin",
        "/openai/%2E%2E/admin",
        "/openai/.%2e/admin",
        "/openai/%2e/admin",
        "/openai/a%2fb",
        "/openai/a%2Fb",
        "/openai/..%2fadmin",
        "/openai/..%5cadmin",
        "/openai/..%5Cadmin",
        "/openai/a\\b",
        "/openai/deployments/../admin/chat/completions",
        "/openai/deployments/%2e%2e/chat/completions",
    ],
)
def test_a_path_that_may_lead_elsewhere_is_refused(path: str) -> None:
    """Our identity may do more on Azure's host than a caller may through us."""
    with pytest.raises(MalformedRequest, match="below /openai/"):
        route(path)


@pytest.mark.parametrize(
    ("query", "path", "api_version"),
    [
        (b"api-version=2024-10-21", "/openai/deployments/d/embeddings", "2024-10-21"),
        (b"a=1&api-version=2024-10-21&b=2", "/openai/deployments/d/embeddings", "2024-10-21"),
        (b"API-Version=2024-10-21", "/openai/deployments/d/embeddings", "2024-10-21"),
        (b"api%2Dversion=2024%2d10-21", "/openai/deployments/d/embeddings", "2024-10-21"),
        (b"api-version=a&api-version=b", "/openai/deployments/d/embeddings", "a"),
        (b"api-version=" + b"x" * 1000, "/openai/deployments/d/embeddings", "x" * 256),
        (b"", "/openai/deployments/d/embeddings", None),
        (b"api-version=", "/openai/deployments/d/embeddings", None),
        (b"", "/openai/v1/embeddings", "v1"),
        (b"api-version=preview", "/openai/v1/embeddings", "preview"),
    ],
)
def test_the_api_version_is_read(query: bytes, path: str, api_version: str | None) -> None:
    """Which options Azure understands depends on it; v1 has none, and says so."""
    assert route(path, query=query).api_version == api_version


@given(st.binary().map(lambda tail: b"/openai/" + tail) | st.binary(), st.binary(), st.sampled_from(["GET", "POST"]))
def test_any_path_and_query_is_a_route_or_refused(path: bytes, query: bytes, method: str) -> None:
    """What is no path must not end as a fault of ours; and what is read of it can be stored."""
    try:
        found = parse_route(method, path, query)
    except MalformedRequest:
        return

    for label in (found.deployment, found.api_version):
        assert label is None or (0 < len(label) <= 256 and label.encode())
