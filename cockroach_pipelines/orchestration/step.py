"""What happens in a step: the statement of a file, once a partition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from cockroach_pipelines.config import PipelinesError
from cockroach_pipelines.execution import Activity, Order, Outcome, ResultProcessor
from cockroach_pipelines.maintenance import run_maintenance
from cockroach_pipelines.orchestration.failures import failure, shown
from cockroach_pipelines.orchestration.metadata import partition_metadata, run_metadata
from cockroach_pipelines.orchestration.observer import DagsterObserver
from cockroach_pipelines.orchestration.partitions import partition_windows
from cockroach_pipelines.orchestration.resource import CockroachDBResource
from cockroach_pipelines.queries import Query, QueryKind
from cockroach_pipelines.reconciliation import run_reconciliation
from cockroach_pipelines.reporting import read_report

_READERS = {QueryKind.REPORTING: read_report, QueryKind.RECONCILIATION: run_reconciliation}


@dataclass(frozen=True)
class Step:
    """The run of one asset: a statement a partition, and what came of it in Dagster's terms."""

    context: dg.AssetExecutionContext
    query: Query
    processor: ResultProcessor
    observer: DagsterObserver

    def run(self, folder: Path) -> list[Outcome] | dg.Failure | dg.RetryRequested:
        """Run every partition; an error is given, not raised, so that it is raised without its cause and its values."""
        try:
            return self._run(folder)
        except PipelinesError as error:
            self.context.log.error(shown(error))
            return failure(error, self.context.retry_number, retries=self.query.header.retries != 0)

    def _run(self, folder: Path) -> list[Outcome]:
        windows = partition_windows(self.context)
        outcomes = []
        for number, window in enumerate(windows, 1):
            outcome = self._run_one(Order(self.query, parameters(self.context), window), folder / f"{number}.parquet")
            outcomes.append(outcome)
            if window:
                self.context.log.info(
                    f"{self.query.name} {window.key}: {outcome.rows:,} rows in {outcome.seconds:.2f} s ({number}/{len(windows)})"
                )
                self.context.add_asset_metadata(partition_metadata(outcome), partition_key=window.key)
        return outcomes

    def _run_one(self, order: Order, path: Path) -> Outcome:
        activity = Activity(asset=self.query.name, run=self.context.run.run_id)
        resource: CockroachDBResource = getattr(self.context.resources, self.query.header.connection)
        reader = resource.reader(activity, self.observer)
        if self.query.kind is QueryKind.MAINTENANCE:
            return run_maintenance(resource.writer(activity, self.observer), reader, order)
        return _READERS[self.query.kind](reader, self.processor, order, path)

    def result(self, outcomes: Sequence[Outcome], checks: Sequence[dg.AssetCheckResult]) -> dg.MaterializeResult[Any]:
        """Give what the step materialized, the staged files for the IO manager to publish."""
        metadata = run_metadata(outcomes) | self.observer.metadata()
        staged = {
            outcome.order.partition.key if outcome.order.partition else None: outcome.staged for outcome in outcomes
        }
        if None in staged and staged[None] is not None:
            return dg.MaterializeResult(value=staged[None], metadata=metadata, check_results=checks)
        if all(staged.values()):
            return dg.MaterializeResult(value=staged, metadata=metadata, check_results=checks)
        return dg.MaterializeResult(metadata=metadata, check_results=checks)


def parameters(context: dg.AssetExecutionContext) -> Mapping[str, object]:
    """Give the values of parameters that the run's configuration holds."""
    given: Mapping[str, object] = context.op_execution_context.op_config or {}
    return {name: value for name, value in given.items() if value is not None}
