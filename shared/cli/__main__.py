"""`python -m shared.cli`: what an operator does from a shell. One file a group of commands."""

from __future__ import annotations

import typer

from shared.cli import findings, keys
from shared.cli.call import call
from shared.cli.doctor.command import doctor
from shared.cli.export import export
from shared.cli.ingest import ingest
from shared.cli.rebuild import rebuild
from shared.cli.records import records
from shared.cli.report import report
from shared.cli.tail import tail

app = typer.Typer(
    help="Azure OpenAI's ledger: who may call, and who used what.",
    no_args_is_help=True,
    # There is no program of a name of its own that a shell could complete.
    add_completion=False,
    # A traceback with locals would show keys.
    pretty_exceptions_show_locals=False,
)
app.command()(report)
app.command()(records)
app.command()(tail)
app.command()(call)
app.command()(ingest)
app.command()(export)
app.command()(doctor)
app.add_typer(findings.app, name="findings")
app.command()(rebuild)
app.add_typer(keys.app, name="keys")


@app.callback()
def _main() -> None:
    """Storage is the function app's: AzureWebJobsStorage, or AzureWebJobsStorage__accountName and your login."""


if __name__ == "__main__":
    app(prog_name="python -m shared.cli")
