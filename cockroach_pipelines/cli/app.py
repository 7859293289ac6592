"""The command line: `cockroach-pipelines --help`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer

from cockroach_pipelines.config.errors import PipelinesError

app = typer.Typer(
    help="Folders of SQL as a governed, observable, Kerberos-authenticated pipeline on CockroachDB.",
    epilog="Exit codes: 0 well, 1 a check or statement failed, 2 wrong usage, configuration or SQL file, "
    "3 no connection, 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", help="The configuration; COCKROACH_PIPELINES_CONFIG, else ./config.yaml when silent."
    ),
]
ConnectionOption = Annotated[str, typer.Option("--connection", help="Name of a connection in the configuration.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]


@app.command()
def demo(config: ConfigOption = None) -> None:
    """Start the embedded database, load real data, and materialize every asset with Dagster.

    The data are the 336,776 flights that left New York in 2013. Partitioned assets are materialized for January.
    """
    from cockroach_pipelines.cli.demo import run_demo

    _raise_when_asked_to_end()
    raise typer.Exit(run_demo(config))


@app.command()
def doctor(
    config: ConfigOption = None,
    connection: ConnectionOption = "main",
    settings: Annotated[bool, typer.Option("--settings", help="Say instead where each setting came from.")] = False,
) -> None:
    """Check everything between this process and an answer from the database, one line each."""
    from cockroach_pipelines.cli.doctor import run_doctor, show_settings

    _raise_when_asked_to_end()
    raise typer.Exit(show_settings(config) if settings else run_doctor(config, connection))


@app.command()
def check(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Check every SQL file without a database: headers, parameters, syntax, rules. Exits with 1 when one is broken."""
    from cockroach_pipelines.cli.files import check_files

    raise typer.Exit(check_files(config, as_json=json))


@app.command("list")
def list_files(config: ConfigOption = None, json: JsonOption = False) -> None:
    """List the assets: kind, partitions, schedule, tables read and written."""
    from cockroach_pipelines.cli.files import list_files as show

    raise typer.Exit(show(config, as_json=json))


@app.command()
def run(
    name: Annotated[
        str, typer.Argument(help="An asset, such as reporting/busiest_routes; its last part, or its file, will do.")
    ],
    partition: Annotated[
        str | None, typer.Option("--partition", "-p", help="Key of the partition, such as 2013-01-31.")
    ] = None,
    param: Annotated[
        list[str] | None, typer.Option("--param", help="NAME=VALUE for a declared parameter; repeatable.")
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="Write the rows to a file, a path or a URL (s3://bucket/flights.parquet); its ending says the format: "
            ".parquet, .csv, .csv.gz, .csv.zst, .arrow, .feather. With - they are CSV on standard output. Nothing "
            "appears before the file is whole and its blocking checks have passed.",
        ),
    ] = None,
    rows: Annotated[int, typer.Option("--rows", help="Rows to show.", min=0)] = 20,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Run one SQL file with its checks, without Dagster. Ctrl-C ends the statement on the server."""
    from cockroach_pipelines.cli.run import run_file

    _raise_when_asked_to_end()
    raise typer.Exit(
        run_file(name, partition=partition, params=param or [], output=output, rows=rows, config=config, as_json=json)
    )


def main() -> NoReturn:
    """Run the command line and exit with its code.

    Each command imports what it needs by itself, so that help is quick.
    """
    os.umask(0o077)  # what a command writes holds rows of the database: it is the user's alone
    # Until a command begins nothing has to be cleaned up, and Python may lose an exception raised amid an import.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        app()
    except PipelinesError as error:
        from cockroach_pipelines.cli.console import print_error
        from cockroach_pipelines.cli.exit_codes import exit_code

        print_error(error)
        sys.exit(exit_code(error))
    sys.exit()


def _raise_when_asked_to_end() -> None:
    # What is raised where the process waits lets it cancel its statement on the server.
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _terminate)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # which nohup wants to be kept
        signal.signal(signal.SIGHUP, _terminate)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
