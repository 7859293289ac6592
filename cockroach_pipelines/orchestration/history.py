"""What was materialized before, for checks that compare with it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import dagster as dg

from cockroach_pipelines.execution import CheckOutcome, Outcome, compared
from cockroach_pipelines.queries import Query
from cockroach_pipelines.queries.headers import ROWS, NoChangeBeyond

MEASURES = "measures"
"""Name of the metadata that holds what the next materialization is compared with, exactly."""


def measures_metadata(outcome: Outcome) -> dict[str, Any]:
    """Give what the next materialization is compared with; nothing where no check compares more than the rows."""
    rules = _rules(outcome.order.query)
    figures = {
        name: str(check.figures[name])
        for check in outcome.checks
        if check.name in rules
        for name in rules[check.name].limits
        if name in check.figures
    }
    return {MEASURES: dg.MetadataValue.json(figures)} if figures else {}


def compared_with_before(context: dg.AssetExecutionContext, query: Query, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Give outcomes whose checks know the previous materialization, for a partition that of the same partition."""
    rules = _rules(query)
    if not rules:
        return list(outcomes)
    found = []
    for outcome in outcomes:
        before = _before(context, outcome.order.partition.key if outcome.order.partition else None)

        def beside(check: CheckOutcome, before: Mapping[str, Decimal] | None = before) -> CheckOutcome:
            return compared(check, rules[check.name], before) if check.name in rules else check

        found.append(replace(outcome, checks=tuple(map(beside, outcome.checks))))
    return found


def _rules(query: Query) -> dict[str, NoChangeBeyond]:
    return {name: check.rule for name, check in query.result_checks.items() if isinstance(check.rule, NoChangeBeyond)}


def _before(context: dg.AssetExecutionContext, partition: str | None) -> Mapping[str, Decimal] | None:
    wanted: Any = context.asset_key
    if partition is not None:
        wanted = dg.AssetRecordsFilter(asset_key=context.asset_key, asset_partitions=[partition])
    records = context.instance.fetch_materializations(wanted, limit=1).records
    materialization = records[0].asset_materialization if records else None
    if materialization is None:
        return None
    metadata = {name: value.value for name, value in materialization.metadata.items()}
    rows = metadata.get("dagster/row_count" if partition is None else "dagster/partition_row_count")
    found = {ROWS: Decimal(rows)} if isinstance(rows, int) else {}
    measured = metadata.get(MEASURES)
    return found | {
        str(name): Decimal(str(n)) for name, n in (measured if isinstance(measured, Mapping) else {}).items()
    }
