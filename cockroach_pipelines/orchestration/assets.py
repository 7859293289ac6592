"""One asset per SQL file."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import dagster as dg

from cockroach_pipelines.execution import ResultProcessor
from cockroach_pipelines.orchestration.automation import automation_condition
from cockroach_pipelines.orchestration.batches import batch_config_schema, batch_events
from cockroach_pipelines.orchestration.comparisons import comparison_events
from cockroach_pipelines.orchestration.exclusive import exclusively
from cockroach_pipelines.orchestration.freshness import freshness_policy
from cockroach_pipelines.orchestration.metadata import check_results
from cockroach_pipelines.orchestration.observer import DagsterObserver
from cockroach_pipelines.orchestration.partitions import asset_dep, backfill_policy, partitions_definition
from cockroach_pipelines.orchestration.reports import Reports, report_check_specs
from cockroach_pipelines.orchestration.step import Step, parameters
from cockroach_pipelines.queries import ParameterSpec, Query, QueryKind
from cockroach_pipelines.reconciliation import NO_DIFFERENCES

IO_MANAGER = "parquet_io_manager"
"""Resource key of the IO manager that keeps results."""

CONNECTIONS = "connections"
"""Name of the metadata that says which connections an asset uses."""

_CONFIG_TYPES: dict[str, type] = {"integer": int, "boolean": bool, "float": float}


def asset_key(name: str) -> dg.AssetKey:
    """Give the key of the asset that a file of that name is."""
    return dg.AssetKey(name.split("/"))


def sql_asset(query: Query, deps: Sequence[dg.AssetKey], results_folder: Path) -> dg.AssetsDefinition:
    """Give the asset of a file.

    A report or a reconciliation reads in a read-only session and keeps its rows as Parquet, a comparison of two relations
    its differences; maintenance runs its statement in a transaction. How a run over several partitions goes, `Step` says.

    Args:
        query: The file.
        deps: What it reads.
        results_folder: Where results are staged; the IO manager's folder, so that publishing is a rename.
    """
    header = query.header

    def run(context: dg.AssetExecutionContext) -> Iterator[Any]:
        step = Step(context, query, ResultProcessor(results_folder), DagsterObserver(context.log))
        writes = query.kind is QueryKind.MAINTENANCE and not query.watches
        alone = exclusively(context) if writes else nullcontext()
        with alone, step.processor.staging() as folder:
            outcomes = step.run(folder)
            if isinstance(outcomes, Exception):
                raise outcomes
            results = check_results(outcomes, context.asset_key)
            reports = Reports(step, results_folder)
            if any(outcome.blocked for outcome in outcomes):
                yield from [*results, *reports.withheld()]
                raise dg.Failure("A blocking check failed: the result is not published.", allow_retries=False)
            results += reports.produce(outcomes)
            yield step.result(outcomes, results)

    def compare(context: dg.AssetExecutionContext) -> Iterator[Any]:
        yield from comparison_events(context, query, results_folder, parameters(context))

    def work_in_batches(context: dg.AssetExecutionContext) -> Iterator[Any]:
        yield from batch_events(context, query, results_folder, parameters(context))

    body = work_in_batches if query.batch else compare if query.comparison else run
    with warnings.catch_warnings():
        # Partitions in one run are what a backfill is made of here; Dagster calls the parameter beta.
        warnings.filterwarnings("ignore", message="Parameter `backfill_policy`", category=dg.BetaWarning)
        return dg.asset(
            body,
            key=asset_key(query.name),
            deps=[asset_dep(query, key) for key in deps],
            description=query.description,
            group_name=query.kind.value,
            owners=list(header.owners),
            tags=dict(header.tags),
            kinds={"sql", *(dialect.value for dialect in query.dialects)},
            metadata={"file": dg.MetadataValue.path(str(query.path)), CONNECTIONS: ", ".join(query.connections)},
            code_version=query.code_version,
            partitions_def=partitions_definition(header),
            backfill_policy=backfill_policy(query),
            automation_condition=automation_condition(query),
            freshness_policy=freshness_policy(query.header),
            check_specs=check_specs(query),
            config_schema=_config_schema(header.params, batch_config_schema() if query.batch else {}),
            required_resource_keys=set(query.connections),
            io_manager_key=IO_MANAGER,
            pool=query.connections[0],
        )


def check_specs(query: Query) -> list[dg.AssetCheckSpec]:
    """Give the checks of a file: its header's, and that a reconciliation finds no differences."""
    key = asset_key(query.name)
    specs = [
        # A blocking check is enforced before the result is published, not by Dagster afterwards.
        dg.AssetCheckSpec(name, asset=key, description=check.description or f"No rows: {check.sql}")
        for name, check in query.header.checks.items()
    ]
    specs += [dg.AssetCheckSpec(watch.name, asset=key, description=watch.description) for watch in query.watches]
    if query.kind is QueryKind.RECONCILIATION:
        said = "Both sides hold the same." if query.comparison else "The reconciliation finds no rows."
        specs.insert(0, dg.AssetCheckSpec(NO_DIFFERENCES, asset=key, description=said))
    return [*specs, *report_check_specs(query, key)]


def _config_schema(params: Mapping[str, ParameterSpec], further: Mapping[str, dg.Field]) -> dict[str, dg.Field] | None:
    return {name: _field(spec) for name, spec in params.items()} | dict(further) or None


def _field(spec: ParameterSpec) -> dg.Field:
    kind: Any = _CONFIG_TYPES.get(spec.type.removesuffix("[]"), str)
    if spec.is_list:
        kind = [kind]
    return dg.Field(dg.Noneable(kind), is_required=spec.required, description=spec.description or spec.type)
