"""A circuit breaker: after a failure all do without what failed, but for one now and then who tries it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class CircuitBreaker:
    """
    Says who may try something that may be down: all, or after a failure one every `pause_seconds`.

    Whoever was let through says how it went. One who never does holds nobody up: the next trial comes
    after the next pause.
    """

    pause_seconds: float
    _try_again_at: float | None = field(default=None, init=False)

    @property
    def is_open(self) -> bool:
        """Whether the last that was heard is a failure."""
        return self._try_again_at is not None

    def admits(self, now: float) -> bool:
        """Return whether to try at this time, in seconds of a clock that never goes back."""
        if self._try_again_at is None:
            return True
        if now < self._try_again_at:
            return False
        self._try_again_at = now + self.pause_seconds
        return True

    def failed(self, now: float) -> None:
        """Note a failure."""
        self._try_again_at = now + self.pause_seconds

    def succeeded(self) -> None:
        """Note a success: all may try again."""
        self._try_again_at = None
