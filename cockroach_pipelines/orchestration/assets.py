"""One asset per SQL file."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import dagster as dg

from cockroach_pipelines.execution import ResultProcessor
from cockroach_pipelines.orchestration.batches import batch_config_schema, batch_events
from cockroach_pipelines.orchestration.comparisons import comparison_events
from cockroach_pipelines.orchestration.exclusive import exclusively
from cockroach_pipelines.orchestration.history import compared_with_before
from cockroach_pipelines.orchestration.lineage import Sources, lineage_metadata
from cockroach_pipelines.orchestration.metadata import check_results
from cockroach_pipelines.orchestration.observer import DagsterObserver
from cockroach_pipelines.orchestration.partitions import backfill_policy
from cockroach_pipelines.orchestration.reports import Reports
from cockroach_pipelines.orchestration.specs import check_specs
from cockroach_pipelines.orchestration.step import Step, parameters
from cockroach_pipelines.queries import Query, QueryKind
from cockroach_pipelines.queries.headers import ParameterSpec

IO_MANAGER = "parquet_io_manager"
"""Resource key of the IO manager that keeps results."""

_RESULT = "result"
_ORDER_ALONE = dg.In(dg.Nothing)
_KEPT = dg.Out(Any, io_manager_key=IO_MANAGER)
_CHECKED = dg.Out(Any)
# Dagster asks for it more than once an asset, and Python would work it out each time.
_SIGNATURE = inspect.Signature(
    [
        inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=dg.AssetExecutionContext),
        inspect.Parameter("inputs", inspect.Parameter.POSITIONAL_OR_KEYWORD),
    ]
)
_CONFIG_TYPES: dict[str, type] = {"integer": int, "boolean": bool, "float": float}


def sql_asset(
    query: Query,
    spec: dg.AssetSpec,
    results_folder: Path,
    *,
    sources: Sources,
    pool: str | None = None,
) -> dg.AssetsDefinition:
    """Give the asset of a file.

    A report or a reconciliation reads in a read-only session and keeps its rows as Parquet, a comparison of two relations
    its differences; maintenance runs its statement in a transaction. How a run over several partitions goes, `Step` says.

    Args:
        query: The file.
        spec: What Dagster shows of it, and what comes before it.
        results_folder: Where results are staged; the IO manager's folder, so that publishing is a rename.
        sources: The assets that stand for the tables that it reads.
        pool: The pool of which it holds a slot; that of its connection when None. Dagster lets an asset hold one: a
            comparison of two connections holds a slot of its source's.
    """

    def run(context: dg.AssetExecutionContext) -> Iterator[Any]:
        step = Step(context, query, ResultProcessor(results_folder), DagsterObserver(context.log))
        writes = query.kind is QueryKind.MAINTENANCE and not query.watches
        alone = exclusively(context) if writes else nullcontext()
        with alone, step.processor.staging() as folder:
            outcomes = step.run(folder)
            if isinstance(outcomes, Exception):
                raise outcomes
            outcomes = compared_with_before(context, query, outcomes)
            results = check_results(outcomes, context.asset_key)
            reports = Reports(step, results_folder)
            if any(outcome.blocked for outcome in outcomes):
                yield from [*results, *reports.withheld()]
                raise dg.Failure("A blocking check failed: the result is not published.", allow_retries=False)
            results += reports.produce(outcomes)
            result = step.result(outcomes, results)
            lineage = lineage_metadata(context, query, outcomes[-1].statement, sources)
            yield dg.MaterializeResult(
                value=result.value, metadata={**(result.metadata or {}), **lineage}, check_results=results
            )

    def compare(context: dg.AssetExecutionContext) -> Iterator[Any]:
        yield from comparison_events(context, query, results_folder, parameters(context))

    def work_in_batches(context: dg.AssetExecutionContext) -> Iterator[Any]:
        yield from batch_events(context, query, results_folder, parameters(context))

    body = work_in_batches if query.batch else compare if query.comparison else run
    return _definition(body, query, spec, sources, pool=pool or query.connections[0])


def _definition(
    body: Callable[[dg.AssetExecutionContext], Iterator[Any]],
    query: Query,
    spec: dg.AssetSpec,
    sources: Sources,
    *,
    pool: str,
) -> dg.AssetsDefinition:
    """Give what `@dg.asset` would make of a body; the decorator takes three times as long, which shows at 1,000 files."""

    def compute(context: dg.AssetExecutionContext, inputs: Mapping[str, object]) -> Iterator[Any]:
        yield from body(context)

    compute.__signature__ = _SIGNATURE  # type: ignore[attr-defined]
    name = spec.key.to_python_identifier()
    external = set(sources.external.values())
    # An input is what makes a step wait for another one, and tables that nobody writes have none.
    upstream = {
        dep.asset_key.to_python_identifier(): dep.asset_key for dep in spec.deps if dep.asset_key not in external
    }
    checks = {f"{name}_{check.name}": check for check in check_specs(query)}
    op = dg.OpDefinition(
        compute,
        name=name,
        ins=dict.fromkeys(upstream, _ORDER_ALONE),
        outs={_RESULT: _KEPT, **dict.fromkeys(checks, _CHECKED)},
        config_schema=_config_schema(query.header.params, batch_config_schema() if query.batch else {}),
        required_resource_keys=set(query.connections),
        code_version=spec.code_version,
        pool=pool,
    )
    return dg.AssetsDefinition(
        keys_by_input_name=upstream,
        keys_by_output_name={_RESULT: spec.key},
        node_def=op,
        specs=[spec],
        check_specs_by_output_name=checks,
        backfill_policy=backfill_policy(query),
    )


def _config_schema(params: Mapping[str, ParameterSpec], further: Mapping[str, dg.Field]) -> dict[str, dg.Field] | None:
    return {name: _field(spec) for name, spec in params.items()} | dict(further) or None


def _field(spec: ParameterSpec) -> dg.Field:
    kind: Any = _CONFIG_TYPES.get(spec.type.removesuffix("[]"), str)
    if spec.is_list:
        kind = [kind]
    return dg.Field(dg.Noneable(kind), is_required=spec.required, description=spec.description or spec.type)
