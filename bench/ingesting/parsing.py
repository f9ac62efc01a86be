"""What it costs to read a blob to typed values, beside parsing its JSON and nothing else."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.ingesting.blob import blob_ranges, different_lines
from local.errors import WorkbenchError
from shared.domain.logs.line_reading import parse_line
from shared.domain.logs.log_lines import LineCutter

_ROUNDS = 3
_STATUS = Path("/proc/self/status")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process of its own has cost: CPU for the work alone, memory in all."""

    cpu_seconds: float
    peak_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsing:
    """
    The best of some rounds, in turn.

    `json` is msgspec alone: each line, and the JSON text that its `properties` are. `outer_json` leaves
    that text as it is, so that half of what a line says is not parsed.
    """

    ours: Cost
    json: Cost
    outer_json: Cost

    @property
    def ratio(self) -> float:
        """Return our CPU to that of parsing the JSON."""
        return self.ours.cpu_seconds / self.json.cpu_seconds

    @property
    def outer_ratio(self) -> float:
        """Return our CPU to that of parsing the outer JSON."""
        return self.ours.cpu_seconds / self.outer_json.cpu_seconds


def measure_parsing(lines: int, rounds: int = _ROUNDS) -> Parsing:
    """Measure, each in a fresh process: what one has in its caches or its memory is not the other's."""
    costs = [[_measured(work, lines) for work in (_ours, _json, _outer_json)] for _ in range(rounds)]
    ours, json, outer_json = (min(of_one, key=lambda cost: cost.cpu_seconds) for of_one in zip(*costs, strict=True))
    return Parsing(ours=ours, json=json, outer_json=outer_json)


def _measured(work: Callable[[int], float], lines: int) -> Cost:
    with ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn")) as processes:
        cpu_seconds = processes.submit(work, lines).result()
        return Cost(cpu_seconds, processes.submit(_peak_mb).result())


def _peak_mb() -> float:
    if _STATUS.exists():
        # Of this program alone: on Linux ru_maxrss begins with the peak of the process that started it.
        (peak,) = (line.split()[1] for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(peak) / 1024
    # In bytes on macOS: getrusage(2).
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 * 1024)


def _ours(lines: int) -> float:
    """Read a blob in ranges, as the timer does, and let each value go."""
    cutter, read, cpu_seconds = LineCutter(), 0, 0.0
    for part in blob_ranges(different_lines(), lines):
        begun_at = time.process_time()
        for _, line in cutter.feed(part):
            parse_line(line)
            read += 1
        cpu_seconds += time.process_time() - begun_at
    if read != lines:
        raise WorkbenchError(f"{read} of {lines} lines were read")
    return cpu_seconds


def _json(lines: int) -> float:
    decode = msgspec.json.Decoder().decode
    some = different_lines()
    begun_at = time.process_time()
    for number in range(lines):
        decode(decode(some[number % len(some)])["properties"])
    return time.process_time() - begun_at


def _outer_json(lines: int) -> float:
    decode = msgspec.json.Decoder().decode
    some = different_lines()
    begun_at = time.process_time()
    for number in range(lines):
        decode(some[number % len(some)])
    return time.process_time() - begun_at
