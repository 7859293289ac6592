"""`demo`: the main job on real data."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from cockroach_pipelines.cli.console import CROSS, TICK, err, out
from cockroach_pipelines.cli.exit_codes import ExitCode
from cockroach_pipelines.config import ConfigManager, ConfigurationError, PipelinesError
from cockroach_pipelines.embedded import embedded_config

_MONTH = "2013-01"
_GRACE_SECONDS = 10
_MATERIALIZE = "cockroach_pipelines.orchestration.materialize"


@dataclass
class _Asset:
    partitions: int
    done: int = 0
    rows: int = 0
    seconds: float = 0.0
    error: str = ""
    checks: dict[str, tuple[bool, str]] = field(default_factory=dict)


def run_demo(path: Path | None) -> ExitCode:
    """Run the demonstration; see the command's help.

    Raises:
        ConfigurationError: The main connection is not the embedded database.
        PipelinesError: The database does not start, or Dagster ends without a result.
    """
    started = time.perf_counter()
    config = ConfigManager.load(path)
    main = config.connection()
    if main.embedded is None:
        raise ConfigurationError(
            "Connection 'main' is a server: the demonstration writes sample data and runs on the embedded database only.",
            advice="Set `embedded: {}` for connection main, or use another configuration with --config.",
        )
    with _progress() as progress:
        bars: dict[str, TaskID] = {}

        def loaded(table: str, done: int, total: int) -> None:
            if table not in bars:
                bars[table] = progress.add_task(f"load {table}", total=total)
            # What SQL derives has no total before it is done.
            progress.update(bars[table], completed=done, total=total or done or None)

        starting = progress.add_task("start the embedded database", total=None)
        server = embedded_config(main, progress=loaded)
        progress.remove_task(starting)
        assets = _materialize_all(config, progress)
    _show_summary(assets)
    failed = [name for name, asset in assets.items() if asset.error]
    for line in (
        "The replica was made with 35 changed, 33 missing and 33 extra flights; some hours have no weather. Both are there to be found.",
        f"{CROSS if failed else TICK} {len(assets)} assets in {time.perf_counter() - started:.0f} s, on PostgreSQL at "
        f"{server.host}:{server.port}, which stands in for CockroachDB.",
        "See assets, checks and results in Dagster: [bold]uv run dg dev[/] and open http://localhost:3000",
    ):
        out.print(line, highlight=False, soft_wrap=True)
    return ExitCode.FAILED if failed else ExitCode.OK


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(finished_text="[green]✓[/]"),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
    )


def _materialize_all(config: ConfigManager, progress: Progress) -> dict[str, _Asset]:
    assets: dict[str, _Asset] = {}
    task = progress.add_task("load the SQL files into Dagster", total=None)
    for event in _events(config):
        name = event.get("asset", "")
        match event["event"]:
            case "planned":
                assets = {asset["asset"]: _Asset(asset["partitions"]) for asset in event["assets"]}
                total = sum(max(1, asset.partitions) for asset in assets.values())
                progress.update(task, description="materialize", total=total, completed=0)
            case "started":
                progress.update(task, description=f"materialize {escape(name)}")
            case "materialized":
                asset = assets[name]
                asset.done += 1
                asset.rows += max(0, event["rows"] or 0)
                asset.seconds += event["seconds"] or 0.0
                progress.advance(task)
            case "check":
                assets[name].checks[event["check"]] = (event["passed"], event["description"])
            case "failed":
                assets[name].error = event["error"]
                progress.advance(task, max(1, assets[name].partitions) - assets[name].done)
    return assets


def _events(config: ConfigManager) -> Iterator[dict[str, Any]]:
    # Dagster runs in a process of its own: this floor does not know it, and its log does not mix with the progress display.
    path = config.path.absolute() if config.path else None
    log = config.folder / ".data" / "demo.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.touch(mode=0o600)
    with (
        log.open("w") as said,
        subprocess.Popen(
            [sys.executable, "-m", _MATERIALIZE, "--month", _MONTH, *(["--config", str(path)] if path else [])],
            cwd=config.folder,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        last = ""
        try:
            for line in process.stdout:
                event = json.loads(line)
                last = event["event"]
                yield event
            code = process.wait()
        except BaseException:
            process.terminate()
            try:
                process.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
            raise
    if last != "finished":
        tail = "\n".join(log.read_text().splitlines()[-15:])
        raise PipelinesError(
            f"Dagster ended with code {code} before it was done:\n{tail}", advice=f"The whole log is in {log}."
        )


def _show_summary(assets: dict[str, _Asset]) -> None:
    table = Table(
        header_style="bold", title="Materialized by Dagster", title_justify="left", box=SIMPLE_HEAD, pad_edge=False
    )
    table.add_column("asset", no_wrap=True)
    for column in ("keys", "rows", "s", "checks"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, asset in sorted(assets.items()):
        failed = sum(not passed for passed, _ in asset.checks.values())
        table.add_row(
            f"{CROSS if asset.error else TICK} {escape(name)}",
            str(asset.partitions or ""),
            f"{asset.rows:,}",
            f"{asset.seconds:.2f}",
            f"{CROSS} {failed}" if failed else f"{TICK} {len(asset.checks)}" if asset.checks else "",
        )
    out.print(table)
    for name, asset in sorted(assets.items()):
        if asset.error:
            out.print(f"{CROSS} {escape(name)}: {escape(asset.error)}", highlight=False, soft_wrap=True)
        for check, (passed, description) in asset.checks.items():
            if not passed:
                out.print(
                    f"{CROSS} {escape(name)}, check {escape(check)}: {escape(description)}",
                    highlight=False,
                    soft_wrap=True,
                )
