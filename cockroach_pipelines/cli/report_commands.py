"""The commands `report …`: what `--help` says of them; they import what they need by themselves, so that help is quick."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cockroach_pipelines.cli.signals import raise_when_asked_to_end

reports = typer.Typer(
    help="Reports and their snapshots: make one, open it, send it again, tell two apart.", no_args_is_help=True
)

_ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", help="The configuration; COCKROACH_PIPELINES_CONFIG, else ./config.yaml when silent."
    ),
]
_JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
_Name = Annotated[
    str, typer.Argument(help="A report, such as reporting/daily_operations; its last part, or its file, will do.")
]
_PartitionOption = Annotated[
    str | None,
    typer.Option("--partition", "-p", help="Key of the partition; the newest that has a snapshot when silent."),
]
_SnapshotOption = Annotated[
    str | None, typer.Option("--snapshot", help="The beginning of a snapshot's name; the newest when silent.")
]


@reports.command("list")
def list_reports(
    name: Annotated[str | None, typer.Argument(help="One report, with all of its snapshots.")] = None,
    config: _ConfigOption = None,
    json: _JsonOption = False,
) -> None:
    """List the reports that have snapshots, or the snapshots of one: rows, alerts, deliveries."""
    from cockroach_pipelines.cli.reports import list_snapshots

    raise typer.Exit(list_snapshots(name, config, as_json=json))


@reports.command("open")
def open_report(
    name: Annotated[str | None, typer.Argument(help="The report; the page over all of them when silent.")] = None,
    partition: _PartitionOption = None,
    snapshot: _SnapshotOption = None,
    show: Annotated[bool, typer.Option("--print", help="Print the path of the page and open nothing.")] = False,
    config: _ConfigOption = None,
) -> None:
    """Open a report's page in the browser, and print its path."""
    from cockroach_pipelines.cli.reports import open_page

    raise typer.Exit(open_page(name, partition, snapshot, config, show=show))


@reports.command()
def render(
    name: _Name,
    partition: Annotated[
        str | None, typer.Option("--partition", "-p", help="Key of the partition, such as 2013-01-31.")
    ] = None,
    param: Annotated[
        list[str] | None, typer.Option("--param", help="NAME=VALUE for a declared parameter; repeatable.")
    ] = None,
    config: _ConfigOption = None,
    json: _JsonOption = False,
) -> None:
    """Run a report on its connection and keep a snapshot, without Dagster; no table is filled and nothing is delivered."""
    from cockroach_pipelines.cli.reports import render_report

    raise_when_asked_to_end()
    raise typer.Exit(render_report(name, partition=partition, params=param or [], config=config, as_json=json))


@reports.command()
def resend(
    name: _Name,
    partition: _PartitionOption = None,
    snapshot: _SnapshotOption = None,
    missing: Annotated[
        bool, typer.Option("--missing", help="Only what has failed, or is in doubt; what has arrived stays as it is.")
    ] = False,
    config: _ConfigOption = None,
) -> None:
    """Deliver a snapshot again, whatever became of it before."""
    from cockroach_pipelines.cli.reports import send_again

    raise_when_asked_to_end()
    raise typer.Exit(send_again(name, partition, snapshot, config, missing=missing))


@reports.command()
def confirm(
    name: _Name, partition: _PartitionOption = None, snapshot: _SnapshotOption = None, config: _ConfigOption = None
) -> None:
    """Say that deliveries in doubt have arrived: nothing is sent, and the next run's check passes.

    A delivery is in doubt where its process died, or the connection broke, between the last word to the server and its
    answer. No run sends it again.
    """
    from cockroach_pipelines.cli.reports import confirm_deliveries

    raise typer.Exit(confirm_deliveries(name, partition, snapshot, config))


@reports.command()
def diff(
    first: Annotated[
        str,
        typer.Argument(metavar="A", help="NAME, NAME@PARTITION or NAME@PARTITION#SNAPSHOT, as `report list` has them."),
    ],
    second: Annotated[str, typer.Argument(metavar="B", help="The same.")],
    rows: Annotated[int, typer.Option("--rows", help="Rows to show of each side.", min=0)] = 10,
    config: _ConfigOption = None,
    json: _JsonOption = False,
) -> None:
    """Tell two snapshots apart: their figures, and the rows of each statement that the other has not.

    Exits with 1 if they differ.
    """
    from cockroach_pipelines.cli.reports import tell_apart

    raise typer.Exit(tell_apart(first, second, config, rows=rows, as_json=json))
