"""The command line: `cockroach-pipelines --help`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from cockroach_pipelines.cli.maintenance import maintenance, pause, resume
from cockroach_pipelines.cli.migrations_app import migrations_app
from cockroach_pipelines.cli.report_commands import reports
from cockroach_pipelines.cli.signals import raise_when_asked_to_end
from cockroach_pipelines.config.errors import PipelinesError

notify = typer.Typer(no_args_is_help=True)
app = typer.Typer(
    help="Folders of SQL as a governed, observable, Kerberos-authenticated pipeline on CockroachDB.",
    epilog="Exit codes: 0 well, 1 a check or statement failed or tables differ, 2 wrong usage, configuration or SQL file, "
    "3 no connection, 4 locked, paused or throttled, 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(notify, name="notify", help="Try the ways by which failures are told.")
app.add_typer(maintenance, name="maintenance")
app.command()(pause)
app.command()(resume)

_RECONCILE_EXAMPLES = """
Two tables of one database:  cockroach-pipelines reconcile flights flights_replica

Two databases, one month:  cockroach-pipelines reconcile orders sales.orders --source-connection legacy
--target-connection main --key id --where "placed >= '2024-01-01'" --tolerance amount=0.01

A live copy, with what would mend it:  cockroach-pipelines reconcile orders orders_copy --recheck 30s --mend mend.sql
"""

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

    raise_when_asked_to_end()
    raise typer.Exit(run_demo(config))


@app.command()
def doctor(
    config: ConfigOption = None,
    connection: ConnectionOption = "main",
    settings: Annotated[bool, typer.Option("--settings", help="Say instead where each setting came from.")] = False,
) -> None:
    """Check everything between this process and an answer from the database, one line each."""
    from cockroach_pipelines.cli.doctor import run_doctor, show_settings

    raise_when_asked_to_end()
    raise typer.Exit(show_settings(config) if settings else run_doctor(config, connection))


@app.command()
def check(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Check every SQL file without a database: headers, parameters, syntax, rules, names of migrations.

    Exits with 1 when one is broken.
    """
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
        str | None,
        typer.Option(
            "--partition", "-p", help="Key of the partition: 2013-01-31, 2013-01-31-05:00, eu, or 'eu|2013-01-31'."
        ),
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
    arm: Annotated[
        bool, typer.Option("--arm", help="Let a batch file, as it is now, change data; its first run is dry otherwise.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Of a batch file: estimate, plan and ten rows, and change nothing.")
    ] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Run one SQL file with its checks, without Dagster. Ctrl-C ends the statement on the server."""
    from cockroach_pipelines.cli.run import run_file

    raise_when_asked_to_end()
    raise typer.Exit(
        run_file(
            name,
            partition=partition,
            params=param or [],
            output=output,
            rows=rows,
            config=config,
            as_json=json,
            arm=arm,
            dry_run=dry_run,
        )
    )


@app.command(epilog=_RECONCILE_EXAMPLES)
def reconcile(
    source: Annotated[
        str, typer.Argument(help="The table that is right by definition, such as flights or sales.orders.")
    ],
    target: Annotated[str, typer.Argument(help="The table that is compared with it.")],
    key: Annotated[
        list[str] | None,
        typer.Option(
            "--key", "-k", help="What names a row: columns, with commas or repeated; the primary key when silent."
        ),
    ] = None,
    source_connection: Annotated[str, typer.Option(help="Name of the source's connection.")] = "main",
    target_connection: Annotated[
        str | None, typer.Option(help="Name of the target's connection; the source's when silent.")
    ] = None,
    columns: Annotated[
        list[str] | None, typer.Option("--columns", help="Compare these columns alone; all that both have when silent.")
    ] = None,
    exclude: Annotated[list[str] | None, typer.Option("--exclude", help="Columns to leave out.")] = None,
    rename: Annotated[
        list[str] | None,
        typer.Option("--rename", help="COLUMN=NAME: what the target calls a column of the source; repeatable."),
    ] = None,
    where: Annotated[str | None, typer.Option("--where", help="A condition on the rows of both sides.")] = None,
    tolerance: Annotated[
        list[str] | None,
        typer.Option(
            "--tolerance",
            help="COLUMN=VALUE or TYPE=VALUE; repeatable: amount=0.01, rate=1%, updated_at=1s, name=ignore_case, "
            "ignore_trailing_blanks or null_is_empty.",
        ),
    ] = None,
    sample: Annotated[
        str | None, typer.Option("--sample", help="Compare this share of the keys, the same ones on both sides: 5%.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", help="Most rows of differences that are kept; all are counted.", min=1)
    ] = None,
    recheck: Annotated[
        str | None,
        typer.Option(
            "--recheck", help="Read what differs again after a pause such as 30s, and drop what was in flight."
        ),
    ] = None,
    max_differences: Annotated[
        int, typer.Option("--max-differences", help="So many rows may differ before the exit code is 1.", min=0)
    ] = 0,
    stop_at: Annotated[
        int | None, typer.Option("--stop-at", help="End at so many differences; never a pass.", min=1)
    ] = None,
    workers: Annotated[int, typer.Option("--workers", help="Statements at once on each side.", min=1, max=32)] = 1,
    exact: Annotated[bool, typer.Option("--exact", help="Compare every value, no hashes.")] = False,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", help="Read CockroachDB as of -10s, a timestamp with its zone, or follower_read."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="Write the differences to a file or a URL, as `run` does; - is CSV."),
    ] = None,
    mend: Annotated[
        Path | None,
        typer.Option(
            "--mend", help="Write SQL to this file that would make the target like the source; it is never run."
        ),
    ] = None,
    mend_source: Annotated[
        bool, typer.Option("--mend-source", help="With --mend: make the source like the target instead.")
    ] = False,
    upsert: Annotated[
        bool,
        typer.Option(
            "--upsert",
            help="With --mend: put whole rows, read again, in the place of those that differ, instead of changing values "
            "one row at a time.",
        ),
    ] = False,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume", help="Keep progress in this folder; the same command goes on from what it finds there."
        ),
    ] = None,
    rows: Annotated[int, typer.Option("--rows", help="Differences to show.", min=0)] = 20,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Compare two tables: the same rows? If not, which rows and columns differ, how many, and in what way.

    Exits with 0 when they are equal, 1 when they differ or the comparison ended early. Nothing is ever written to either.
    """
    from cockroach_pipelines.cli.reconcile import assigned, listed, mend_asked, number_or_text, reconcile_tables

    raise_when_asked_to_end()
    given = {
        "source": {"connection": source_connection, "table": source},
        "target": {"connection": target_connection or source_connection, "table": target},
        "key": listed(key),
        "columns": listed(columns),
        "exclude": listed(exclude),
        "rename": assigned(rename, "--rename") or None,
        "where": where,
        "tolerance": assigned(tolerance, "--tolerance") or None,
        "sample": None if sample is None else number_or_text(sample),
        "limit": limit,
        "recheck": recheck,
        "expect": max_differences,
        "stop": stop_at,
        "care": {"workers": workers},
        "exact": exact,
        "as_of": as_of,
    }
    values = {name: value for name, value in given.items() if value is not None}
    raise typer.Exit(
        reconcile_tables(
            values,
            output=output,
            mend=mend_asked(mend, source=mend_source, upsert=upsert),
            resume=resume,
            rows=rows,
            config=config,
            as_json=json,
        )
    )


@notify.command("test")
def notify_test(config: ConfigOption = None) -> None:
    """Send a test message to everybody who is told of failures, one line for each way. Exits with 1 when one fails.

    The configuration says who: `notifications`, with `webhook` and `email`.
    """
    from cockroach_pipelines.cli.notify import send_tests

    raise typer.Exit(send_tests(config))


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


app.add_typer(migrations_app, name="migrate", callback=raise_when_asked_to_end)
app.add_typer(reports, name="report")
