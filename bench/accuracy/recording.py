"""A recorded call, as our counter sees it."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime

from local.simulated_azure_openai.replay import Record, recorded_body
from shared.domain.completion_watcher import CompletionWatcher
from shared.domain.operation import Metered
from shared.domain.sse import SseSplitter
from shared.domain.token_counting import CountableCall
from shared.domain.visible_answer import VisibleAnswer

KINDS = {
    "chat": Metered.CHAT_COMPLETIONS,
    "responses": Metered.RESPONSES,
    "embeddings": Metered.EMBEDDINGS,
    "completions": Metered.COMPLETIONS,
}


def countable_call(record: Record) -> CountableCall:
    """Return what would be known of the call, had its usage not been reported."""
    metered = KINDS[record.kind]
    return CountableCall(
        metered=metered,
        model=record.model,
        request_body=json.dumps(record.request).encode(),
        answer=_answer(record, metered),
        compacts=record.endpoint_path.endswith("/compact"),
        on_azure=record.is_azure,
        answered_on=_answered_on(record),
    )


# When an answer was made, in either API; in a stream every chunk says so.
_CREATED = re.compile(r'"created(?:_at)?": ?(\d+)')


def _answered_on(record: Record) -> date | None:
    """Return the day on which a call was answered, as far as the answer says."""
    answer = record.response if isinstance(record.response, dict) else {}
    created = answer.get("created") or answer.get("created_at")
    if not created and (found := _CREATED.search(record.sse or "")):
        created = int(found.group(1))
    try:
        return datetime.fromtimestamp(created, UTC).date() if created else None
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _answer(record: Record, metered: Metered) -> VisibleAnswer:
    watcher = CompletionWatcher(metered)
    if record.sse is None:
        watcher.see_body(recorded_body(record))
        return watcher.answer()
    splitter = SseSplitter()
    for event in [*splitter.feed(recorded_body(record)), splitter.close()]:
        watcher.see_event(event)
    return watcher.answer()


def billed_prompt(record: Record) -> int | None:
    """Return the prompt tokens that were billed."""
    return _first(record, "prompt_tokens", "input_tokens")


def billed_visible_completion(record: Record) -> int | None:
    """Return the completion tokens that were billed, without those of hidden reasoning."""
    billed = _first(record, "completion_tokens", "output_tokens")
    if billed is None:
        return None
    usage = record.usage or {}
    details = usage.get("completion_tokens_details") or usage.get("output_tokens_details") or {}
    return billed - (details.get("reasoning_tokens") or 0)


def _first(record: Record, *names: str) -> int | None:
    usage = record.usage or {}
    return next((usage[name] for name in names if usage.get(name) is not None), None)
