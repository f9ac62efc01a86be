"""The counts of public counters, made in a virtual environment of their own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.accuracy.ours import shape_of
from bench.accuracy.recording import billed_prompt
from bench.accuracy.tally import Measured
from local.simulated_azure_openai.replay import Record, load_records

# Those that say they count chat prompts; pinned, for their counts are compared.
PEERS = {"LiteLLM": "litellm==1.106.2", "tokencost": "tokencost==0.1.26"}

_FOLDER = Path(tempfile.gettempdir()) / "aoai-ledger-peers"
_PROGRAM = Path(__file__).with_name("peer_program.py")
_INSTALLING_SECONDS = 600
_COUNTING_SECONDS = 1800


class PeersUnavailable(Exception):
    """The peers cannot be installed or run here."""


def count_with_peers(file: Path) -> Mapping[str, Sequence[Measured]]:
    """
    Return the prompt counts of each peer, of the chat completions calls in a corpus.

    Raises:
        PeersUnavailable: they cannot be installed or run here.
    """
    records = [record for record in load_records(file) if _is_counted(record)]
    python = _installed()
    answers = _run([str(python), str(_PROGRAM)], _COUNTING_SECONDS, "\n".join(map(_question, records)))
    counts = [json.loads(line) for line in answers.splitlines()]
    return {
        name: [_measured(record, count[name]) for record, count in zip(records, counts, strict=True)] for name in PEERS
    }


def _is_counted(record: Record) -> bool:
    return record.kind == "chat" and not record.suspect and billed_prompt(record) is not None


def _installed() -> Path:
    """Return the Python of an environment that has the peers; it is kept for the next time."""
    python = _FOLDER / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not python.exists():
        print(f"installing the peers in {_FOLDER}", file=sys.stderr)
        try:
            venv.create(_FOLDER, with_pip=True)
        except (OSError, subprocess.SubprocessError) as error:
            raise PeersUnavailable("no virtual environment can be made") from error
    _run([str(python), "-m", "pip", "install", "--quiet", *PEERS.values()], _INSTALLING_SECONDS)
    return python


def _run(command: Sequence[str], seconds: int, given: str = "") -> str:
    try:
        ended = subprocess.run(command, input=given, capture_output=True, text=True, timeout=seconds, check=True)
    except subprocess.CalledProcessError as error:
        last_line = (error.stderr.strip().splitlines() or ["no output"])[-1]
        raise PeersUnavailable(f"{Path(command[-1]).name} failed: {last_line}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PeersUnavailable(str(error)) from error
    return ended.stdout


def _question(record: Record) -> str:
    return json.dumps({"model": record.model, "request": record.request})


def _measured(record: Record, counted: Any) -> Measured:
    billed = billed_prompt(record)
    if billed is None:
        raise ValueError(f"call {record.id} has no bill")
    return Measured(
        kind=record.kind,
        shape=shape_of(record),
        source=record.source,
        call_id=record.id,
        billed=billed,
        counted=counted if isinstance(counted, int) else None,
    )
