"""Outcomes in the form that Dagster's UI shows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import dagster as dg
import pyarrow as pa

from cockroach_pipelines.execution import CheckOutcome, Outcome, preview_records
from cockroach_pipelines.maintenance import BatchedRun
from cockroach_pipelines.orchestration.history import measures_metadata
from cockroach_pipelines.queries.headers import Severity

_SEVERITY = {Severity.WARN: dg.AssetCheckSeverity.WARN, Severity.ERROR: dg.AssetCheckSeverity.ERROR}


def table_schema(schema: pa.Schema) -> dg.TableSchema:
    """Give the columns with the server's own names of their types, where it said them."""
    return dg.TableSchema(
        columns=[dg.TableColumn(name, _type_name(schema.field(i))) for i, name in enumerate(schema.names)]
    )


def table_value(table: pa.Table) -> dg.TableMetadataValue:
    """Give a table's first rows."""
    records = preview_records(table, limit=table.num_rows)
    names = list(records[0]) if records else list(dict.fromkeys(table.schema.names))
    columns = [dg.TableColumn(name, _type_name(field)) for name, field in zip(names, table.schema, strict=False)]
    return dg.MetadataValue.table([dg.TableRecord(dict(record)) for record in records], dg.TableSchema(columns))


def run_metadata(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Give what one step came to, over all of its partitions."""
    last = outcomes[-1]
    metadata: dict[str, Any] = {
        "duration": dg.MetadataValue.float(round(sum(outcome.seconds for outcome in outcomes), 3)),
        "connection": f"{last.connection} ({last.server})",
        "file": dg.MetadataValue.path(
            str(last.statement.path)
        ),  # of several files for several databases the one that ran
        "statement": dg.MetadataValue.md(f"```sql\n{last.statement.sql}\n```"),
    }
    if last.seen:
        metadata["as_of"] = last.seen
    if last.staged:
        if last.order.partition is None:  # else every partition would show the run's total
            metadata["dagster/row_count"] = last.rows
        metadata["dagster/column_schema"] = table_schema(last.staged.schema)
        metadata["size"] = dg.MetadataValue.int(sum(outcome.staged.size for outcome in outcomes if outcome.staged))
    elif last.measured is not None:
        if last.order.partition is None:
            metadata |= measured(last)
    elif last.rows >= 0:
        metadata["rows_affected"] = sum(outcome.rows for outcome in outcomes)
    if last.order.partition is None:
        metadata |= measures_metadata(last)
    if last.preview is not None and last.preview.num_columns:
        metadata["preview"] = table_value(last.preview)
    return metadata


def partition_metadata(outcome: Outcome) -> dict[str, Any]:
    """Give what one partition came to: without it every partition of a run would show the run's totals."""
    metadata: dict[str, Any] = {"duration": dg.MetadataValue.float(round(outcome.seconds, 3))}
    if outcome.staged:
        metadata["dagster/partition_row_count"] = outcome.rows
        metadata["preview"] = table_value(outcome.staged.preview)
    elif outcome.measured is not None:
        metadata |= measured(outcome)
    else:
        metadata["rows_affected"] = outcome.rows
    return metadata | measures_metadata(outcome)


def measured(outcome: Outcome) -> dict[str, Any]:
    """Give the numbers of a monitor, which Dagster plots over its materializations."""
    rows = "dagster/partition_row_count" if outcome.order.partition else "dagster/row_count"
    return {rows: outcome.rows, **_numbers(outcome.measured or {})}


def _numbers(numbers: Mapping[str, float]) -> dict[str, Any]:
    return {name: dg.MetadataValue.float(number) for name, number in numbers.items()}


def check_results(outcomes: Sequence[Outcome | BatchedRun], asset_key: dg.AssetKey) -> list[dg.AssetCheckResult]:
    """Give one result a check, over all partitions of the step."""
    by_name: dict[str, list[tuple[str | None, CheckOutcome]]] = {}
    for outcome in outcomes:
        key = outcome.order.partition.key if outcome.order.partition else None
        for check in outcome.checks:
            by_name.setdefault(check.name, []).append((key, check))
    return [_check_result(name, found, asset_key) for name, found in by_name.items()]


def _check_result(
    name: str, found: Sequence[tuple[str | None, CheckOutcome]], asset_key: dg.AssetKey
) -> dg.AssetCheckResult:
    failed = [(key, check) for key, check in found if not check.passed]
    metadata: dict[str, Any] = {"wrong_rows": sum(check.wrong_rows for _, check in found)}
    failed.sort(key=lambda each: each[1].severity is Severity.WARN)  # the worst first
    if failed:
        key, first = failed[0]
        if key is not None:
            metadata["failed_partitions"] = ", ".join(str(key) for key, _ in failed)
        if first.sample is not None:
            metadata["sample"] = table_value(first.sample)
        if first.error:
            metadata["error"] = first.error
    shown = failed[0][1] if failed else found[-1][1]
    metadata |= {name: _figure(figure) for name, figure in shown.figures.items()}
    return dg.AssetCheckResult(
        passed=not failed,
        asset_key=asset_key,
        check_name=name,
        severity=_SEVERITY[(failed or found)[0][1].severity],
        description=_verdict(found, failed),
        metadata=metadata,
    )


def _verdict(
    found: Sequence[tuple[str | None, CheckOutcome]], failed: Sequence[tuple[str | None, CheckOutcome]]
) -> str | None:
    if not failed:
        return found[-1][1].said or None
    key, first = failed[0]
    if not first.error and not first.finding:
        return replace(first, wrong_rows=sum(check.wrong_rows for _, check in failed)).said
    return f"{key}: {first.said}" if key is not None and len(found) > 1 else first.said


def _figure(figure: Decimal | int | float | str) -> Any:
    # Dagster plots numbers over runs, and JSON has no exact ones.
    return dg.MetadataValue.float(float(figure)) if isinstance(figure, Decimal | float) else figure


def _type_name(field: pa.Field) -> str:
    said: Mapping[bytes, bytes] = field.metadata or {}
    return said[b"pg.type"].decode() if b"pg.type" in said else str(field.type)
