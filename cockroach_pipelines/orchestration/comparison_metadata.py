"""What a comparison found, in the form that Dagster's UI shows."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from cockroach_pipelines.execution import PlainValue, StagedResult
from cockroach_pipelines.orchestration.mending import Mending
from cockroach_pipelines.orchestration.metadata import table_schema
from cockroach_pipelines.queries import Comparison
from cockroach_pipelines.reconciliation import Direction, Reconciliation, svg, telling, thumbnail

_SAMPLE_ROWS = 20
_COLUMNS_SHOWN = 50


def comparison_metadata(result: Reconciliation, mending: Mending, places: Mapping[Direction, Path]) -> dict[str, Any]:
    """Give what a comparison found, what weighs most first; numbers as such, so that Dagster plots them over runs."""
    metadata: dict[str, Any] = {"found": result.headline}
    if result.schema:
        metadata["schema_differences"] = _table(
            [
                {
                    "column": each.column,
                    "what": each.what,
                    "source": each.source,
                    "target": each.target,
                    "note": each.note,
                }
                for each in result.schema
            ]
        )
    metadata |= _counts([result])
    if result.by_column:
        metadata["by_column"] = _table(
            [
                {"column": each.column, "changed_rows": each.rows, "share_of_rows": f"{each.share:.4%}"}
                for each in result.by_column[:_COLUMNS_SHOWN]
            ]
        )
    if result.patterns:
        metadata["patterns"] = _list(map(str, result.patterns))
    metadata |= _seen(result)
    if result.drilled:
        metadata["rows_of_differing_groups"] = result.drilled.headline
        if result.drilled.patterns:
            metadata["patterns_of_their_rows"] = _list(map(str, result.drilled.patterns))
        metadata["sample_of_their_rows"] = _table(telling.sample(result.drilled, _SAMPLE_ROWS))
    for direction, reason in mending.reasons.items():
        metadata[f"mending_{direction}"] = reason
    for direction, text in mending.beginnings.items():
        metadata[f"mending_{direction}"] = dg.MetadataValue.md(
            f"All of it, to be read and run by hand: `{places[direction]}`\n\n```sql\n{text}\n```"
        )
    metadata["consistency"] = _list(telling.consistency(result))
    metadata["strategy"] = dg.MetadataValue.md(telling.strategy(result))
    metadata["chance_of_a_missed_difference"] = telling.certainty(result)
    if said := telling.recheck(result):
        metadata["recheck"] = said
    if odd := list(telling.oddities(result)):
        metadata["keys"] = _list(odd)
    metadata["source_rows"] = dg.MetadataValue.int(result.source_rows)
    metadata["target_rows"] = dg.MetadataValue.int(result.target_rows)
    metadata["duration"] = dg.MetadataValue.float(round(result.seconds, 3))
    return metadata


def file_metadata(comparison: Comparison, staged: StagedResult) -> dict[str, Any]:
    """Give what is the same for every partition: the file, the two sides, and the columns of the differences."""
    metadata: dict[str, Any] = {
        "file": dg.MetadataValue.path(str(comparison.path)),
        "source": str(comparison.source),
        "target": str(comparison.target),
        "dagster/column_schema": table_schema(staged.schema),
    }
    statements = [
        f"```sql\n-- name: {name}\n{side.statement.sql}\n```"
        for name, side in zip(("source", "target"), comparison.sides, strict=True)
        if side.statement
    ]
    if statements:
        metadata["statements"] = dg.MetadataValue.md("\n\n".join(statements))
    return metadata


def check_metadata(
    results: Sequence[Reconciliation], worst: Reconciliation, failed_partitions: Iterable[str | None]
) -> dict[str, Any]:
    """Give what the check shows: numbers over all partitions, and what the worst of them found."""
    metadata = _counts(results)
    if partitions := [key for key in failed_partitions if key]:
        metadata["failed_partitions"] = ", ".join(partitions)
    return metadata | _seen(worst)


def _counts(results: Sequence[Reconciliation]) -> dict[str, Any]:
    total = sum(result.counts.total for result in results)
    rows = sum(max(result.source_rows, result.target_rows) for result in results)
    kinds = {kind: sum(result.counts.as_dict()[kind] for result in results) for kind in ("missing", "extra", "changed")}
    return {
        "differences": dg.MetadataValue.int(total),
        **{kind: dg.MetadataValue.int(count) for kind, count in kinds.items()},
        "share_percent": dg.MetadataValue.float(round(100 * total / rows, 6) if rows else 0.0),
    }


def _seen(result: Reconciliation) -> dict[str, Any]:
    """Give a picture of where the differences lie, and the first of them."""
    seen: dict[str, Any] = {}
    if result.histogram and result.histogram.edges:
        picture = base64.b64encode(svg(result.histogram).encode()).decode()
        # The UI shows Markdown of less than 1,000 characters as it is, and a button for more.
        seen["where"] = dg.MetadataValue.md(f"![where along the key](<{thumbnail(result.histogram)}>)")
        seen["where_in_detail"] = dg.MetadataValue.md(
            f"![Where along the key rows differ](data:image/svg+xml;base64,{picture})"
        )
    if result.counts.total:
        seen["sample"] = _table(telling.sample(result, _SAMPLE_ROWS))
    return seen


def _table(records: Sequence[Mapping[str, PlainValue]]) -> dg.TableMetadataValue:
    return dg.MetadataValue.table([dg.TableRecord(dict(record)) for record in records])


def _list(lines: Iterable[str]) -> dg.MarkdownMetadataValue:
    return dg.MetadataValue.md("\n".join(f"- {line}" for line in lines))
