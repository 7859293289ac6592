"""`cockroach-pipelines migrate`: its commands and their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

migrations_app = typer.Typer(
    help="Versioned schema changes: V<version>__<name>.sql and R__<name>.sql below sql/migrations, as Flyway names them.",
    epilog="Exit codes: 0 well, 1 a statement failed or files and history do not fit, 2 wrong usage or file, "
    "3 no connection, 4 somebody else is at it.",
    no_args_is_help=True,
)

_Config = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", help="The configuration; COCKROACH_PIPELINES_CONFIG, else ./config.yaml when silent."
    ),
]
_Connection = Annotated[str, typer.Option("--connection", help="Name of a connection in the configuration.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Change nothing; say what would be done.")]


@migrations_app.command()
def info(config: _Config = None, connection: _Connection = "main", json: _Json = False) -> None:
    """Show the state of every migration: applied, pending, tampered with, missing, failed and where."""
    from cockroach_pipelines.cli.migrate import show_info

    raise typer.Exit(show_info(config, connection, as_json=json))


@migrations_app.command()
def validate(config: _Config = None, connection: _Connection = "main", json: _Json = False) -> None:
    """Check files and history against each other, and what is pending against the rules. Exits with 1 when something is wrong.

    Pending files are no error. Warnings are advice.
    """
    from cockroach_pipelines.cli.migrate import validate as check

    raise typer.Exit(check(config, connection, as_json=json))


@migrations_app.command()
def apply(
    target: Annotated[
        str | None, typer.Option("--target", help="Apply nothing newer than this version, and no repeatable file.")
    ] = None,
    out_of_order: Annotated[
        bool, typer.Option("--out-of-order", help="Apply also what is older than the latest that was applied.")
    ] = False,
    wait: Annotated[
        str, typer.Option("--wait", help="Wait so long, such as 5m, while somebody else is at it; else exit with 4.")
    ] = "0s",
    dry_run: _DryRun = False,
    config: _Config = None,
    connection: _Connection = "main",
    json: _Json = False,
) -> None:
    """Apply what is pending, in order; on PostgreSQL each file in a transaction, on CockroachDB each statement by itself.

    A file that fails stops everything. On PostgreSQL nothing of it is kept; on CockroachDB `repair` and `apply` go on at
    the statement that failed.
    """
    from cockroach_pipelines.cli.migrate import apply as run

    raise typer.Exit(
        run(config, connection, target=target, out_of_order=out_of_order, wait=wait, dry_run=dry_run, as_json=json)
    )


@migrations_app.command()
def baseline(
    version: Annotated[str, typer.Option("--version", help="No version up to this one will be applied; 0 for none.")],
    description: Annotated[str, typer.Option("--description", help="What the history says of it.")] = "",
    dry_run: _DryRun = False,
    config: _Config = None,
    connection: _Connection = "main",
    json: _Json = False,
) -> None:
    """Begin the history of a database that was not made by these files.

    A history that Flyway wrote needs none: it is taken over as it is.
    """
    from cockroach_pipelines.cli.migrate import baseline as begin

    raise typer.Exit(begin(config, connection, version, description, dry_run=dry_run, as_json=json))


@migrations_app.command()
def repair(
    in_doubt: Annotated[
        Literal["ran", "again"] | None,
        typer.Option(
            "--in-doubt", help="What became of a statement of which nobody knows: it ran, or is to run again."
        ),
    ] = None,
    dry_run: _DryRun = False,
    config: _Config = None,
    connection: _Connection = "main",
    json: _Json = False,
) -> None:
    """Put the history right after a failure or a change that was meant.

    Failed rows go, and the file goes on where it failed; checksums become those of the files; missing files count as
    deleted. Look at --dry-run first.
    """
    from cockroach_pipelines.cli.migrate import repair as mend

    raise typer.Exit(mend(config, connection, in_doubt=in_doubt, dry_run=dry_run, as_json=json))
