"""`run`: one SQL file with its checks, without Dagster."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from cockroach_pipelines.cli.batching import run_batches
from cockroach_pipelines.cli.comparing import compare_file
from cockroach_pipelines.cli.console import CROSS, TICK, err, out, rows_table
from cockroach_pipelines.cli.exit_codes import ExitCode
from cockroach_pipelines.cli.progress import ProgressObserver
from cockroach_pipelines.cli.project import find_template, load_project
from cockroach_pipelines.cli.target import Target
from cockroach_pipelines.config import ConfigurationError
from cockroach_pipelines.config.suggestions import did_you_mean, nearest
from cockroach_pipelines.embedded import connection_manager
from cockroach_pipelines.execution import (
    PREVIEW_ROWS,
    Activity,
    CheckOutcome,
    Order,
    Outcome,
    PlainValue,
    QueryExecutor,
    ResultProcessor,
    TransactionalExecutor,
    everyone,
    preview_records,
    read_partition_keys,
    structured_log,
)
from cockroach_pipelines.maintenance import run_maintenance
from cockroach_pipelines.queries import PartitionWindow, Query, QueryKind, example_key, partition_window
from cockroach_pipelines.queries.templates import SQLTemplate
from cockroach_pipelines.reconciliation.files import run_reconciliation
from cockroach_pipelines.reporting import run_report

_READERS = {QueryKind.REPORTING: run_report, QueryKind.RECONCILIATION: run_reconciliation}
_KEYS_LISTED = 20


def run_file(
    name: str,
    *,
    partition: str | None,
    params: Sequence[str],
    output: str | None,
    rows: int,
    config: Path | None,
    as_json: bool,
    arm: bool = False,
    dry_run: bool = False,
) -> ExitCode:
    """Run a file; see the command's help.

    Raises:
        PipelinesError: The file, a parameter or the partition is wrong, or the database refused.
    """
    manager, repository = load_project(config)
    template = find_template(manager, name)
    if template:
        order = _rendered(template, params)
    else:
        query = repository.get(name)
        order = Order(query, given_parameters(params), partition_of(query, partition))
    query = order.query
    target = Target.of(output, as_json=as_json)
    if target and query.kind is QueryKind.MAINTENANCE:
        raise ConfigurationError(f"{query.name} is maintenance: it has no result.", advice="Leave --output out.")
    if query.batch:
        return run_batches(order, manager, arm=arm, dry_run=dry_run, as_json=as_json)
    if arm or dry_run:
        raise ConfigurationError(
            f"{query.name} has no `batch`: it is run at once or not at all.", advice="Leave --arm and --dry-run out."
        )
    if query.comparison:
        return compare_file(order, query.comparison, manager, target=target, rows=rows, as_json=as_json)
    activity = Activity(asset=query.name, run="cli")
    with (
        connection_manager(manager.settings.connections) as connections,
        tempfile.TemporaryDirectory(prefix="cockroach_pipelines-") as scratch,
        structured_log(manager.settings.logging) as log,
        err.status(f"running {query.name}") as status,
    ):
        observe = everyone(log, ProgressObserver(err, status))
        reader = QueryExecutor(connections, activity, observe)
        _refuse_unknown_key(reader, order)
        if query.kind is QueryKind.MAINTENANCE:
            outcome = run_maintenance(TransactionalExecutor(connections, activity, observe), reader, order)
        else:
            # Beside a local file, so that publishing it is a rename.
            processor = ResultProcessor((target and target.folder) or Path(scratch), max(rows, PREVIEW_ROWS))
            with processor.staging() as folder:
                name = f"result{target.ending if target else '.parquet'}"
                outcome = _READERS[query.kind](reader, processor, order, folder / name)
                if target and outcome.staged and not outcome.blocked:
                    target.publish(outcome.staged.path)
    records = preview_records(outcome.preview, limit=rows) if outcome.preview is not None else []
    if as_json:
        out.print_json(json.dumps(_entry(outcome, records, target), default=str))
    elif target and target.destination is None:
        _show(outcome, [], target, err)
    else:
        _show(outcome, records, target, out)
    return ExitCode.FAILED if outcome.failed_checks else ExitCode.OK


def given_parameters(params: Sequence[str]) -> dict[str, object]:
    """Read what --param says.

    Raises:
        ConfigurationError: One has no value.
    """
    values: dict[str, object] = {}
    for param in params:
        name, separator, text = param.partition("=")
        if not separator:
            raise ConfigurationError(f"--param {param!r} has no value.", advice="Write --param NAME=VALUE.")
        values[name] = text
    return values


def _rendered(template: SQLTemplate, params: Sequence[str]) -> Order:
    values = given_parameters(params)
    for name in template.header.identifiers:
        text = values.get(name)
        if isinstance(text, str) and "," in text:
            values[name] = [part.strip() for part in text.split(",") if part.strip()]
    return Order(template.render(values).as_query(template.path, template.header))


def partition_of(query: Query, key: str | None) -> PartitionWindow | None:
    """Give the partition that --partition names.

    Raises:
        ConfigurationError: There is none of that key, or a key where there has to be one.
    """
    spec = query.header.partition
    if spec is None and key is not None:
        raise ConfigurationError(f"{query.name} has no partitions.", advice="Leave --partition out.")
    if spec is not None and key is None:
        raise ConfigurationError(
            f"{query.name} is partitioned by {spec.described}.", advice=f"Say which: --partition {example_key(spec)}"
        )
    return partition_window(spec, key) if spec is not None and key is not None else None


def _refuse_unknown_key(reader: QueryExecutor, order: Order) -> None:
    statement, window = order.query.partition_query, order.partition
    if statement is None or window is None:
        return
    key, keys = str(window.values["partition_key"]), read_partition_keys(reader, order.query, statement)
    if key not in keys:
        few = len(keys) <= _KEYS_LISTED or nearest(key, keys)
        advice = did_you_mean(key, keys) if few else f"It gives {len(keys):,} others."
        raise ConfigurationError(f"The query of the keys of {order.query.name} does not give {key!r}.", advice=advice)


def _show(outcome: Outcome, records: list[dict[str, PlainValue]], target: Target | None, console: Console) -> None:
    if records:
        console.print(rows_table(records))
    writes = outcome.order.query.kind is QueryKind.MAINTENANCE and outcome.measured is None
    verb = "affected" if writes else "read"
    rows = f"{outcome.rows:,} rows {verb}" if outcome.rows >= 0 else "done"
    partition = f" {outcome.order.partition.key}" if outcome.order.partition else ""
    console.print(
        f"{escape(outcome.order.query.name)}{partition}: {rows} in {outcome.seconds:.2f} s on {outcome.connection} ({outcome.server})",
        soft_wrap=True,
    )
    if outcome.seen:
        console.print(f"as of {outcome.seen}", highlight=False, soft_wrap=True)
    if outcome.attempts > 1:
        console.print(f"it took {outcome.attempts} attempts", highlight=False)
    if target and outcome.blocked:
        console.print(
            f"not written to {target}: a blocking check failed", highlight=False, soft_wrap=True, markup=False
        )
    elif target:
        console.print(f"written to {target}", highlight=False, soft_wrap=True, markup=False)
    for check in outcome.checks:
        console.print(
            f"  {TICK if check.passed else CROSS} {escape(check.name)}: {escape(_said(check))}", highlight=False
        )


def _said(check: CheckOutcome) -> str:
    if check.passed:
        return f"passed. {check.note}" if check.note else "passed"
    return check.full_error or check.finding or f"{check.wrong_rows:,} wrong rows"


def _entry(outcome: Outcome, records: list[dict[str, PlainValue]], target: Target | None) -> dict[str, Any]:
    return {
        "asset": outcome.order.query.name,
        "partition": outcome.order.partition.key if outcome.order.partition else None,
        "connection": outcome.connection,
        "server": str(outcome.server),
        "rows": outcome.rows,
        "seconds": round(outcome.seconds, 3),
        "attempts": outcome.attempts,
        "as_of": outcome.seen or None,
        "written_to": str(target) if target and not outcome.blocked else None,
        "checks": [_check_entry(check) for check in outcome.checks],
        "first_rows": records,
    }


def _check_entry(check: CheckOutcome) -> dict[str, Any]:
    return {
        "check": check.name,
        "passed": check.passed,
        "severity": check.severity.value,
        "wrong_rows": check.wrong_rows,
        "finding": check.finding or None,
        "error": check.full_error or None,
        **({"measured": {name: _plain(figure) for name, figure in check.figures.items()}} if check.figures else {}),
    }


def _plain(figure: Decimal | int | float | str) -> int | float | str:
    return float(figure) if isinstance(figure, Decimal) else figure
