"""Options that several commands share, and who asks: whoever may read the tables may read all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from shared.domain.errors import CallerError
from shared.domain.principal import Principal
from shared.domain.record_pages import Order
from shared.domain.usage_record import Outcome
from shared.usecases.query_usage import READ_ALL_ROLE

OPERATOR = Principal.from_name("operator", roles=frozenset({READ_ALL_ROLE}))

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
AsJsonLines = Annotated[bool, typer.Option("--json", help="Print a line of JSON for each call, for scripts.")]
OfPrincipal = Annotated[str | None, typer.Option("--principal", help="An object id, or tenant/object id.")]
OfDeployment = Annotated[str | None, typer.Option("--deployment", help="Only calls of this deployment.")]
OfModel = Annotated[str | None, typer.Option("--model", help="Only calls that this model answered.")]
OfOperation = Annotated[str | None, typer.Option("--operation", help="Only this operation, as chat.completions.")]
OfOutcome = Annotated[
    Outcome | None,
    typer.Option("--outcome", metavar="OUTCOME", help=f"Only calls that ended so: {', '.join(Outcome)}."),
]
From = Annotated[str | None, typer.Option("--from", help="From when, in UTC.")]
To = Annotated[str | None, typer.Option("--to", help="Until when, in UTC (default: now).")]
InOrder = Annotated[Order, typer.Option("--order", help="Which calls come first.")]


@contextmanager
def naming_what_is_wrong() -> Iterator[None]:
    """Tell an option that cannot be understood as the shell's own mistakes are told: with exit code 2."""
    try:
        yield
    except CallerError as error:
        raise typer.BadParameter(str(error)) from error


def said(**options: str | None) -> dict[str, str]:
    """Return the options that were said, as the parameters of a query are; `begun_from` is its `from`."""
    names = {"begun_from": "from", "begun_before": "to"}
    return {names.get(name, name): str(value) for name, value in options.items() if value is not None}
