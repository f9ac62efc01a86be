"""The sample function app, running on a host, and what it notes down while it runs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.hosts import RunningHost, running_host

_APP_DIR = Path(__file__).parent / "data" / "sample_app"
_NEVER = "0 0 0 1 1 *"


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleApp:
    """The running sample."""

    host: RunningHost
    notes_file: Path

    @property
    def url(self) -> str:
        """Where it answers."""
        return self.host.url

    def notes(self) -> list[str]:
        """What it has noted down."""
        return self.notes_file.read_text().splitlines()

    def wait_for_notes(self, *wanted: str, seconds: float = 20.0) -> None:
        """Return once it has noted all that is wanted; fail the test where it never does."""
        deadline = time.monotonic() + seconds
        while missing := set(wanted) - set(self.notes()):
            assert time.monotonic() < deadline, f"{missing} not in {self.notes()}"
            time.sleep(0.02)


@contextmanager
def running_sample(host_module: str, notes_dir: Path, settings: Mapping[str, str] | None = None) -> Iterator[SampleApp]:
    """Run the sample on a host of `tests.hosts` until the context ends."""
    notes_file = notes_dir / "notes"
    notes_file.touch()
    ours = {"SAMPLE_NOTES": str(notes_file), "SAMPLE_SCHEDULE": _NEVER}
    with running_host(host_module, _APP_DIR, ours | dict(settings or {})) as host:
        yield SampleApp(host=host, notes_file=notes_file)
