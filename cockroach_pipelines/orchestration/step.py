"""What happens in a step: the statement of a file, once a partition or once for several."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from cockroach_pipelines.config import PipelinesError
from cockroach_pipelines.execution import Activity, Order, Outcome, QueryExecutor, ResultProcessor
from cockroach_pipelines.maintenance import run_maintenance
from cockroach_pipelines.orchestration.failures import failure, shown
from cockroach_pipelines.orchestration.metadata import partition_metadata, run_metadata
from cockroach_pipelines.orchestration.observer import DagsterObserver
from cockroach_pipelines.orchestration.partitions import partition_windows
from cockroach_pipelines.orchestration.resource import CockroachDBResource
from cockroach_pipelines.queries import PartitionWindow, Query, QueryKind, contiguous
from cockroach_pipelines.queries.headers import Backfill
from cockroach_pipelines.reconciliation.files import run_reconciliation, run_reconciliation_range
from cockroach_pipelines.reporting import read_report, run_report_range

_READERS = {QueryKind.REPORTING: read_report, QueryKind.RECONCILIATION: run_reconciliation}
_RANGE_READERS = {QueryKind.REPORTING: run_report_range, QueryKind.RECONCILIATION: run_reconciliation_range}


@dataclass(frozen=True)
class Step:
    """The run of one asset, and what came of it in Dagster's terms.

    Of several partitions the statement runs once a partition, oldest first; where the header names the column that says of
    which partition a row is, and has no `report`, once for all that follow each other without a gap.
    """

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
        windows = partition_windows(self.context, self.query.header.partition)
        if self._cuts_rows:
            return self._run_ranges([window for window in windows if window], folder)
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

    def _run_ranges(self, windows: Sequence[PartitionWindow], folder: Path) -> list[Outcome]:
        together = self.query.backfill is Backfill.ONE_STATEMENT
        ranges = list(contiguous(windows)) if together else [[window] for window in windows]
        outcomes = []
        for number, each in enumerate(ranges, 1):
            orders = [Order(self.query, parameters(self.context), window) for window in each]
            place = folder / f"range-{number}"
            place.mkdir()
            made = _RANGE_READERS[self.query.kind](self._reader, self.processor, orders, place)
            outcomes += made
            rows, seconds = sum(outcome.rows for outcome in made), sum(outcome.seconds for outcome in made)
            covered = each[0].through(each[-1]).key
            self.context.log.info(
                f"{self.query.name} {covered}: {rows:,} rows of {len(each):,} partitions in {seconds:.2f} s ({number}/{len(ranges)})"
            )
            for outcome, window in zip(made, each, strict=True):
                metadata = partition_metadata(outcome)
                if len(each) > 1:
                    del metadata["duration"]  # nobody knows how much of the statement's a partition took
                    metadata["statement_ran_for"] = covered
                self.context.add_asset_metadata(metadata, partition_key=window.key)
        return outcomes

    def _run_one(self, order: Order, path: Path) -> Outcome:
        if self.query.kind is QueryKind.MAINTENANCE:
            return run_maintenance(self._resource.writer(self._activity, self.observer), self._reader, order)
        return _READERS[self.query.kind](self._reader, self.processor, order, path)

    @property
    def _cuts_rows(self) -> bool:
        time = self.query.header.partition.time if self.query.header.partition else None
        return bool(time and time.column) and self.query.report is None

    @property
    def _resource(self) -> CockroachDBResource:
        resource: CockroachDBResource = getattr(self.context.resources, self.query.header.connection)
        return resource

    @property
    def _activity(self) -> Activity:
        return Activity(asset=self.query.name, run=self.context.run.run_id)

    @property
    def _reader(self) -> QueryExecutor:
        return self._resource.reader(self._activity, self.observer)

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
