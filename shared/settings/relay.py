"""Bounds of the relay."""

from __future__ import annotations

from dataclasses import dataclass

from shared.settings.reader import Reader
from shared.usecases.pass_on_answer import OnHangup


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySettings:
    """Bounds of the relay. Bytes and seconds."""

    max_body_bytes: int
    keep_alive_seconds: float
    on_hangup: OnHangup
    drain_seconds: float
    drain_max: int
    shutdown_grace_seconds: float
    count_audit_share: float


def read_relay(read: Reader) -> RelaySettings:
    """Read them, and tell the reader what is wrong with them."""
    return RelaySettings(
        max_body_bytes=read.number("MAX_BODY_BYTES", 104_857_600, above=0),
        # Azure's front end drops a connection after 230 s of silence.
        keep_alive_seconds=read.number("KEEP_ALIVE_SECONDS", 60.0, above=0),
        on_hangup=read.choice("ON_HANGUP", OnHangup.DRAIN),
        drain_seconds=read.number("DRAIN_SECONDS", 120.0, above=0),
        drain_max=read.number("DRAIN_MAX", 100, above=0),
        shutdown_grace_seconds=read.number("SHUTDOWN_GRACE_SECONDS", 8.0, above=0),
        count_audit_share=read.share("COUNT_AUDIT_SHARE", 0.05),
    )
