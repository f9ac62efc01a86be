"""The accuracy run: what it prints is what it measured, and it measures calls of others than those we learned from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench import token_accuracy
from bench.accuracy.peers import PeersUnavailable
from bench.accuracy.tally import Measured, Tally, tally

DATA = Path(__file__).parents[1] / "data"
GREETING = {"messages": [{"role": "user", "content": "hi"}]}

# Prompts: a frame of 3 and "user" for each message, "hi", and 3 to open the reply.
CALLS: list[dict[str, Any]] = [
    {
        "kind": "chat",
        "model": "gpt-4o-2024-08-06",
        "request": GREETING,
        "response": {"choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]},
        "usage": {"prompt_tokens": 8, "completion_tokens": 1},
    },
    {
        "kind": "chat",
        "model": "gpt-4o-2024-08-06",
        "is_azure": True,
        "stream": True,
        "request": GREETING,
        "sse": 'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
        'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
        "usage": {"prompt_tokens": 10, "completion_tokens": 2},
    },
    {
        "kind": "chat",
        "model": "gpt-5-2025-08-07",
        "request": GREETING,
        "response": {"choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]},
        "usage": {"prompt_tokens": 7, "completion_tokens": 74, "completion_tokens_details": {"reasoning_tokens": 64}},
    },
    {
        "kind": "chat",
        "model": "gpt-4o-2024-08-06",
        "shape": ["file", "parts"],
        "request": {"messages": [{"role": "user", "content": [{"type": "file"}]}]},
        "usage": {"prompt_tokens": 900},
    },
    {
        "kind": "responses",
        "model": "gpt-4.1-2025-04-14",
        "request": {"input": "hi", "previous_response_id": "resp_1"},
        "shape": ["prev"],
        "response": {"status": "completed", "output": [{"type": "message", "content": [{"text": "hi"}]}]},
        "usage": {"input_tokens": 80, "output_tokens": 2},
    },
    {
        "kind": "embeddings",
        "model": "text-embedding-3-small",
        "request": {"input": ["hi", "hi"]},
        "usage": {"prompt_tokens": 2},
    },
    {
        "kind": "completions",
        "model": "gpt-3.5-turbo-instruct",
        "request": {"prompt": "hi"},
        "response": {"choices": [{"index": 0, "text": "hi", "finish_reason": "stop"}]},
        "usage": {"prompt_tokens": 1, "completion_tokens": 1},
    },
    {"kind": "chat", "model": "gpt-4o", "request": GREETING, "usage": {"prompt_tokens": 1}, "suspect": ["edited"]},
    {"kind": "chat", "model": "gpt-4o", "request": GREETING, "usage": None},
    {"kind": "images", "model": "gpt-image-1", "request": {}, "usage": {"input_tokens": 1}},
]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    common = {"stream": False, "shape": [], "suspect": []}
    lines = (json.dumps(common | {"id": str(number)} | call) for number, call in enumerate(CALLS))
    file = tmp_path / "calls.jsonl"
    file.write_text("\n".join(lines) + "\n")
    return file


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, dict[str, Any]]:
    assert token_accuracy.main(arguments) == 0
    *table, last = capsys.readouterr().out.splitlines()
    return "\n".join(table), json.loads(last)


def numbers(tallied: dict[str, int]) -> tuple[int, int, int, int]:
    return tallied["rows"], tallied["countable"], tallied["exact"], tallied["within_2"]


def test_every_kind_is_held_against_its_bill(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be counted is no error, and no success: it shows as not countable. Suspect bills are left out."""
    table, result = run(capsys, str(corpus))

    assert {kind: numbers(result[kind]) for kind in ("chat", "responses", "embeddings", "completions")} == {
        "chat": (4, 3, 2, 3),
        "responses": (1, 0, 0, 0),
        "embeddings": (1, 1, 1, 1),
        "completions": (1, 1, 1, 1),
    }
    assert numbers(result["prompt_shapes"]["chat"]["files"]) == (1, 0, 0, 0)
    assert (result["chat"]["p95"], result["chat"]["worst"]) == (2, 2)
    assert "server state" in table


def test_answers_are_read_as_the_relay_reads_them(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Streams too. What shows beside hidden reasoning has a table of its own: 74 tokens less 64 are all it can be."""
    _, result = run(capsys, str(corpus))

    assert {kind: numbers(tallied) for kind, tallied in result["completion_tokens"].items()} == {
        "chat": (2, 2, 2, 2),
        "responses": (1, 1, 1, 1),
        "completions": (1, 1, 1, 1),
    }
    assert numbers(result["completion_tokens_beside_reasoning"]["chat"]) == (1, 1, 1, 1)


def test_what_others_were_billed_is_counted_to_the_token(capsys: pytest.CaptureFixture[str]) -> None:
    """The requests of openai-messages-token-helper, whose author verified their counts against the service."""
    _, result = run(capsys, str(DATA / "openai_messages_token_helper.jsonl"))

    assert numbers(result["chat"]) == (50, 50, 50, 50)


@pytest.mark.parametrize("created", [1739000000, "1739000000", 1e300, -1, None])
def test_a_call_is_counted_by_the_rules_of_its_day(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], created: object
) -> None:
    """On 8 February 2025 OpenAI billed the end of an answer. A day that cannot be is none, and stops nothing."""
    answer = {"created": created, "choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]}
    chunk = f'data: {{"created":{json.dumps(created)},"choices":[{{"index":0,"delta":{{"content":"hi"}}}}]}}\n\n'
    end = 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    is_day = created == 1739000000
    call = {
        "kind": "chat",
        "model": "gpt-4o-2024-08-06",
        "request": GREETING,
        "usage": {"prompt_tokens": 8, "completion_tokens": 2 if is_day else 1},
        "shape": [],
        "suspect": [],
    }
    file = tmp_path / "calls.jsonl"
    lines = [
        call | {"id": "1", "stream": False, "response": answer},
        call | {"id": "2", "stream": True, "sse": chunk + end},
    ]
    file.write_text("\n".join(map(json.dumps, lines)))

    _, result = run(capsys, str(file))

    assert numbers(result["completion_tokens"]["chat"]) == (2, 2, 2, 2)


def test_peers_that_cannot_be_had_are_skipped(
    corpus: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They need a package registry; our own numbers do not."""

    def nowhere(_: Path) -> None:
        raise PeersUnavailable("pip failed: no route")

    monkeypatch.setattr(token_accuracy, "count_with_peers", nowhere)
    assert token_accuracy.main([str(corpus), "--peers"]) == 0
    printed = capsys.readouterr()

    assert "peers are skipped: pip failed: no route" in printed.err
    assert "peers" not in json.loads(printed.out.splitlines()[-1])


def test_the_error_of_95_of_100_is_no_average() -> None:
    """One wild count in twenty may be worse; a second may not."""
    assert Tally(20, (0,) * 19 + (50,)).p95 == 0
    assert Tally(20, (0,) * 18 + (-3, 50)).p95 == 3
    assert Tally(0, ()).p95 == 0


def test_a_lower_bound_above_the_bill_is_seen() -> None:
    """It would be a guess passed off as a bound."""
    row = Measured(kind="chat", shape="", source="", call_id="", billed=5, counted=None, at_least=6)

    assert tally([row]).bounds_broken == 1
