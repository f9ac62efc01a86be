"""placeholder"""

from __future__ import annotations


class PeersUnavailable(Exception): ...


def count_with_peers(file):
    raise PeersUnavailable("x")
