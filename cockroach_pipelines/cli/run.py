"""`run`: one SQL file with its checks, without Dagster."""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from rich.markup import escape

from cockroach_pipelines.cli.console import CROSS, TICK, err, out, rows_table
from cockroach_pipelines.cli.exit_codes import ExitCode
from cockroach_pipelines.cli.progress import ProgressObserver
from cockroach_pipelines.cli.project import find_template, load_project
from cockroach_pipelines.config import ConfigurationError
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
    StagedResult,
    TransactionalExecutor,
    everyone,
    preview_records,
    structured_log,
)
from cockroach_pipelines.maintenance import run_maintenance
from cockroach_pipelines.queries import PartitionWindow, Query, QueryKind, SQLTemplate, partition_window
from cockroach_pipelines.reconciliation import run_reconciliation
from cockroach_pipelines.reporting import run_report

_READERS = {QueryKind.REPORTING: run_report, QueryKind.RECONCILIATION: run_reconciliation}


def run_file(
    name: str,
    *,
    partition: str | None,
    params: Sequence[str],
    output: Path | None,
    rows: int,
    config: Path | None,
    as_json: bool,
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
        order = Order(query, _parameters(params), _window(query, partition))
    query = order.query
    if output and output.suffix not in (".parquet", ".csv"):
        raise ConfigurationError(f"{output} has no known format.", advice="Name a file that ends in .parquet or .csv.")
    if output and output.is_dir():
        raise ConfigurationError(f"{output} is a folder.", advice="Name a file.")
    activity = Activity(asset=query.name, run="cli")
    with (
        connection_manager(manager.settings.connections) as connections,
        tempfile.TemporaryDirectory(prefix="cockroach_pipelines-") as scratch,
        structured_log(manager.settings.logging) as log,
        err.status(f"running {query.name}") as status,
    ):
        observe = everyone(log, ProgressObserver(err, status))
        reader = QueryExecutor(connections, activity, observe)
        if query.kind is QueryKind.MAINTENANCE:
            outcome = run_maintenance(TransactionalExecutor(connections, activity, observe), reader, order)
            shown = outcome.preview
        else:
            processor = ResultProcessor(output.parent if output else Path(scratch))
            with processor.staging() as folder:
                outcome = _READERS[query.kind](reader, processor, order, folder / "result.parquet")
                shown = _first_rows(outcome, rows)
                if output and outcome.staged:
                    _publish(outcome.staged, output)
    records = preview_records(shown, limit=rows) if shown is not None else []
    if as_json:
        out.print_json(json.dumps(_entry(outcome, records), default=str))
    else:
        _show(outcome, records, output)
    return ExitCode.FAILED if outcome.failed_checks else ExitCode.OK


def _parameters(params: Sequence[str]) -> dict[str, object]:
    values: dict[str, object] = {}
    for param in params:
        name, separator, text = param.partition("=")
        if not separator:
            raise ConfigurationError(f"--param {param!r} has no value.", advice="Write --param NAME=VALUE.")
        values[name] = text
    return values


def _rendered(template: SQLTemplate, params: Sequence[str]) -> Order:
    values = _parameters(params)
    for name in template.header.identifiers:
        text = values.get(name)
        if isinstance(text, str) and "," in text:
            values[name] = [part.strip() for part in text.split(",") if part.strip()]
    return Order(template.render(values).as_query(template.path, template.header))


def _window(query: Query, key: str | None) -> PartitionWindow | None:
    spec = query.header.partition
    if spec is None and key is not None:
        raise ConfigurationError(f"{query.name} has no partitions.", advice="Leave --partition out.")
    if spec is not None and key is None:
        raise ConfigurationError(
            f"{query.name} is partitioned by {spec.every.value}.",
            advice=f"Say which: --partition {spec.start.isoformat()}",
        )
    return partition_window(spec, key) if spec is not None and key is not None else None


def _first_rows(outcome: Outcome, rows: int) -> pa.Table | None:
    if outcome.staged is None or rows <= PREVIEW_ROWS:
        return outcome.preview
    with pq.ParquetFile(outcome.staged.path) as file:
        batches = file.iter_batches(batch_size=rows)
        return pa.Table.from_batches(list(itertools.islice(batches, 1)), file.schema_arrow)


def _publish(staged: StagedResult, output: Path) -> None:
    if output.suffix == ".parquet":
        staged.publish(output)
        return
    aside = staged.path.with_suffix(".csv")
    aside.touch(mode=0o600)
    try:
        with pq.ParquetFile(staged.path) as file, pacsv.CSVWriter(aside, file.schema_arrow) as writer:
            for batch in file.iter_batches():
                writer.write_batch(batch)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ConfigurationError(
            f"The result has a column that CSV cannot hold: {error}.",
            advice="Write a .parquet file, or cast the column to text in the query.",
        ) from error
    aside.replace(output)


def _show(outcome: Outcome, records: list[dict[str, PlainValue]], output: Path | None) -> None:
    if records:
        out.print(rows_table(records))
    verb = "affected" if outcome.order.query.kind is QueryKind.MAINTENANCE else "read"
    rows = f"{outcome.rows:,} rows {verb}" if outcome.rows >= 0 else "done"
    partition = f" {outcome.order.partition.key}" if outcome.order.partition else ""
    out.print(
        f"{escape(outcome.order.query.name)}{partition}: {rows} in {outcome.seconds:.2f} s on {outcome.connection} ({outcome.server})",
        soft_wrap=True,
    )
    if outcome.seen:
        out.print(f"as of {outcome.seen}", highlight=False, soft_wrap=True)
    if outcome.attempts > 1:
        out.print(f"it took {outcome.attempts} attempts", highlight=False)
    if output:
        out.print(f"written to {output}", highlight=False)
    for check in outcome.checks:
        said = "passed" if check.passed else check.error or f"{check.wrong_rows:,} wrong rows"
        out.print(f"  {TICK if check.passed else CROSS} {escape(check.name)}: {escape(said)}", highlight=False)


def _entry(outcome: Outcome, records: list[dict[str, PlainValue]]) -> dict[str, Any]:
    return {
        "asset": outcome.order.query.name,
        "partition": outcome.order.partition.key if outcome.order.partition else None,
        "connection": outcome.connection,
        "server": str(outcome.server),
        "rows": outcome.rows,
        "seconds": round(outcome.seconds, 3),
        "attempts": outcome.attempts,
        "as_of": outcome.seen or None,
        "checks": [_check_entry(check) for check in outcome.checks],
        "first_rows": records,
    }


def _check_entry(check: CheckOutcome) -> dict[str, Any]:
    return {
        "check": check.name,
        "passed": check.passed,
        "severity": check.severity.value,
        "wrong_rows": check.wrong_rows,
        "error": check.error or None,
    }
