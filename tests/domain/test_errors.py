"""Errors form one tree, and each has a code that callers and rows can tell apart."""

from __future__ import annotations

import inspect
import re

import pytest

from shared.domain import errors
from shared.domain.errors import CallerError, LedgerError, OurError, StorageError, UpstreamError

CLASSES = [value for _, value in inspect.getmembers(errors, inspect.isclass) if value.__module__ == errors.__name__]
ERRORS = [value for value in CLASSES if issubclass(value, LedgerError)]


def test_every_error_is_below_the_root() -> None:
    """The edge catches the root: one beside it would be a bare 500."""
    assert CLASSES == ERRORS


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_has_a_code_and_says_what_it_is(error: type[LedgerError]) -> None:
    """A code is what a client switches on; it is one word of lower-case letters, like Azure's own."""
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", error.code)
    assert error.__doc__


def test_no_two_errors_of_their_own_code_share_it() -> None:
    """Who reads the code must learn which of them it was. OurError is what the root stands for."""
    own = [error.code for error in ERRORS if "code" in vars(error) and error is not OurError]

    assert sorted(own) == sorted(set(own))


@pytest.mark.parametrize("branch", [CallerError, UpstreamError, StorageError, OurError])
def test_no_error_is_of_two_branches(branch: type[LedgerError]) -> None:
    """Whose fault it is decides the status: it cannot be two people's."""
    others = {CallerError, UpstreamError, StorageError, OurError} - {branch}

    assert not [error for error in ERRORS if issubclass(error, branch) and issubclass(error, tuple(others))]
