"""`maintenance`: batch jobs from outside. Each command imports what it needs by itself, so that help is quick."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cockroach_pipelines.cli.signals import raise_when_asked_to_end

maintenance = typer.Typer(
    help="Look at batch jobs, arm them, and hold them. They are run by `run`, or by Dagster.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

NameArgument = Annotated[
    str, typer.Argument(help="A batch file, such as maintenance/purge_events; its last part, or its path, will do.")
]
SomeArgument = Annotated[str | None, typer.Argument(help="A batch file; with --all there is none to name.")]
AllOption = Annotated[bool, typer.Option("--all", help="Every batch job of every connection that has one.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Shown to whoever asks why nothing runs.")]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", help="The configuration; COCKROACH_PIPELINES_CONFIG, else ./config.yaml when silent."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]


@maintenance.command("list")
def list_jobs(config: ConfigOption = None, json: JsonOption = False) -> None:
    """List the batch jobs: table, key, whether armed, what they do at the moment, how the last run ended."""
    from cockroach_pipelines.cli.overseeing import list_jobs as show

    raise_when_asked_to_end()
    raise typer.Exit(show(config, as_json=json))


@maintenance.command()
def status(name: NameArgument, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Tell how things stand with a batch job: who runs it and until when, how far its pass is, why it is held.

    Exits with 4 when it is paused or another process runs it.
    """
    from cockroach_pipelines.cli.overseeing import show_status

    raise_when_asked_to_end()
    raise typer.Exit(show_status(name, config, as_json=json))


@maintenance.command()
def arm(name: NameArgument, config: ConfigOption = None) -> None:
    """Let a batch file, as it is now, change data. It must have had a dry run; a change of the file disarms it."""
    from cockroach_pipelines.cli.overseeing import arm_job

    raise_when_asked_to_end()
    raise typer.Exit(arm_job(name, config))


@maintenance.command()
def audit(
    name: NameArgument,
    last: Annotated[int, typer.Option("--last", help="How many runs, and batches, to show.", min=1)] = 20,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show the last runs of a batch file and their batches."""
    from cockroach_pipelines.cli.overseeing import show_audit

    raise_when_asked_to_end()
    raise typer.Exit(show_audit(name, last, config, as_json=json))


@maintenance.command()
def pause(
    name: SomeArgument = None, everything: AllOption = False, reason: ReasonOption = "", config: ConfigOption = None
) -> None:
    """Hold a batch job, or all: one that runs ends after its batch, and none begins."""
    from cockroach_pipelines.cli.overseeing import pause_jobs

    raise_when_asked_to_end()
    raise typer.Exit(pause_jobs(name, config, everything=everything, reason=reason))


@maintenance.command()
def resume(name: SomeArgument = None, everything: AllOption = False, config: ConfigOption = None) -> None:
    """Let a batch job, or all, run again; the next run goes on where the last one ended."""
    from cockroach_pipelines.cli.overseeing import resume_jobs

    raise_when_asked_to_end()
    raise typer.Exit(resume_jobs(name, config, everything=everything))
