"""How often a line has which of the forms that lines have been seen in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Forms:
    """
    Shares from 0 to 1.

    two_rows: calls that have two lines in RequestResponse.
    properties_as_object: lines whose `properties` are an object, where most have a string that holds one.
    """

    two_rows: float = 0.5
    properties_as_object: float = 0.2
