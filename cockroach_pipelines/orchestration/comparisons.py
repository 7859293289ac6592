"""Files that compare two relations, as steps."""

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq
from dagster import AssetCheckSeverity

from cockroach_pipelines.config import PipelinesError
from cockroach_pipelines.execution import Activity, Order, StagedResult
from cockroach_pipelines.orchestration.comparison_metadata import (
    check_metadata,
    comparison_metadata,
    file_metadata,
)
from cockroach_pipelines.orchestration.failures import failure, shown
from cockroach_pipelines.orchestration.mending import Mending, publish, written
from cockroach_pipelines.orchestration.observer import DagsterObserver
from cockroach_pipelines.orchestration.partitions import partition_windows
from cockroach_pipelines.orchestration.resource import CockroachDBResource
from cockroach_pipelines.queries import Comparison, Query
from cockroach_pipelines.reconciliation import Direction, Progress, Reconciliation, Verdict, telling
from cockroach_pipelines.reconciliation.files import NO_DIFFERENCES

_WORK, _JOURNAL = ".reconciling", "journal.jsonl"
_ABANDONED_SECONDS = 7 * 24 * 3600
_PROGRESS_SECONDS = 5.0


@dataclass(frozen=True)
class Compared:
    """What one partition, or the only one, came to."""

    partition: str | None
    result: Reconciliation
    staged: StagedResult
    mending: Mending
    base: Path
    """Where its differences are published, without the ending."""

    @property
    def mending_places(self) -> dict[Direction, Path]:
        """Where the SQL that would mend it is published."""
        return {direction: self.base.with_name(f"{self.base.name}.mend_{direction}.sql") for direction in Direction}

    @property
    def metadata(self) -> dict[str, Any]:
        """What Dagster shows of it."""
        key = "dagster/partition_row_count" if self.partition else "dagster/row_count"
        return {**comparison_metadata(self.result, self.mending, self.mending_places), key: self.staged.rows}


def comparison_events(
    context: dg.AssetExecutionContext, query: Query, results_folder: Path, parameters: Mapping[str, object]
) -> Iterator[Any]:
    """Compare what a file names, partition by partition, and give what its step yields.

    Raises:
        dagster.Failure: The comparison failed, or too much differs and that blocks.
        dagster.RetryRequested: It failed in a way that can pass; the next attempt goes on from where this one ended.
    """
    comparison = query.comparison
    assert comparison is not None  # noqa: S101 - the caller's choice
    step = _Step(context, query, comparison, results_folder, DagsterObserver(context.log))
    with _work_folder(context, results_folder) as folder:
        found = step.run(folder, parameters)
        if isinstance(found, Exception):
            raise found
        check = _check_result(found, context.asset_key)
        blocked = comparison.header.expect.blocking and any(each.result.verdict is Verdict.FAIL for each in found)
        if blocked:
            yield check
            raise dg.Failure(
                "Too much differs, and that blocks: the differences are not published.", allow_retries=False
            )
        for each in found:
            publish(each.mending, each.mending_places)
        yield step.result(found, check)


@dataclass(frozen=True)
class _Step:
    context: dg.AssetExecutionContext
    query: Query
    comparison: Comparison
    results_folder: Path
    observer: DagsterObserver

    def run(self, folder: Path, parameters: Mapping[str, object]) -> list[Compared] | dg.Failure | dg.RetryRequested:
        """Compare every partition; an error is given, not raised, so that it is raised without its cause and its values."""
        try:
            return self._run(folder, parameters)
        except PipelinesError as error:
            self.context.log.error(shown(error))
            return failure(error, self.context.retry_number, retries=self.query.header.retries != 0)

    def _run(self, folder: Path, parameters: Mapping[str, object]) -> list[Compared]:
        windows = partition_windows(self.context, self.query.header.partition)
        found = []
        for number, window in enumerate(windows, 1):
            key = window.key if window else None
            compared = self._compare(Order(self.query, parameters, window), folder / (key or "all"), key)
            found.append(compared)
            of = f" ({number}/{len(windows)})" if window else ""
            self.context.log.info(f"{self.query.name}{f' {key}' if key else ''}: {compared.result.headline}{of}")
            if key:
                self.context.add_asset_metadata(compared.metadata, partition_key=key)
        return found

    def _compare(self, order: Order, folder: Path, partition: str | None) -> Compared:
        source, target = (getattr(self.context.resources, side.connection) for side in self.comparison.sides)
        activity = Activity(asset=self.query.name, run=self.context.run.run_id)
        assert isinstance(source, CockroachDBResource)  # noqa: S101 - for the type checker
        progress = ProgressLog(self.context.log.info, self.query.name)
        with source.comparing(target, folder, activity, self.observer, progress) as comparing:
            result = comparing.run(self.comparison, order.values)
            upsert = self.comparison.header.mend == "upsert"
            mending = written(result, folder, partial(comparing.mending_sql, upsert=upsert))
        with pq.ParquetFile(result.differences) as file:
            rows, schema = file.metadata.num_rows, file.schema_arrow
        staged = StagedResult(result.differences, schema, rows, result.sample)
        published = self.results_folder.joinpath(*self.context.asset_key.path)
        # Beside the Parquet file, whose path has a folder for the first of two dimensions.
        two = order.partition is not None and order.partition.member is not None
        base = published.joinpath(*(partition.split("|") if two else [partition])) if partition else published
        return Compared(partition, result, staged, mending, base)

    def result(self, found: Sequence[Compared], check: dg.AssetCheckResult) -> dg.MaterializeResult[Any]:
        """Give the step's result, from which the differences are published."""
        last = found[-1]
        metadata = file_metadata(self.comparison, last.staged) | self.observer.metadata()
        if last.partition is None:
            return dg.MaterializeResult(value=last.staged, metadata=last.metadata | metadata, check_results=[check])
        value = {each.partition: each.staged for each in found}
        return dg.MaterializeResult(value=value, metadata=metadata, check_results=[check])


class ProgressLog:
    """Tells how far a comparison is, every few seconds.

    Args:
        tell: Takes a line of a log.
        name: What is compared.
    """

    def __init__(self, tell: Callable[[str], None], name: str) -> None:
        self._tell = tell
        self._name = name
        self._told = time.monotonic()

    def __call__(self, at: Progress) -> None:
        """Take note of progress."""
        now = time.monotonic()
        if now - self._told >= _PROGRESS_SECONDS:
            self._told = now
            self._tell(f"{self._name}: {telling.progress(at)}")


def _check_result(found: Sequence[Compared], asset_key: dg.AssetKey) -> dg.AssetCheckResult:
    failed = [each for each in found if each.result.verdict is not Verdict.PASS]
    worst = next((each for each in failed if each.result.verdict is Verdict.FAIL), failed[0] if failed else found[-1])
    error = worst.result.verdict is Verdict.FAIL
    said = worst.result.headline
    if worst.partition and failed:
        said = f"{len(failed)} of {len(found)} partitions differ. {worst.partition}: {said}"
    return dg.AssetCheckResult(
        passed=not failed,
        asset_key=asset_key,
        check_name=NO_DIFFERENCES,
        severity=AssetCheckSeverity.ERROR if error or not failed else AssetCheckSeverity.WARN,
        description=said,
        metadata=check_metadata([each.result for each in found], worst.result, [each.partition for each in failed]),
    )


@contextmanager
def _work_folder(context: dg.AssetExecutionContext, results_folder: Path) -> Iterator[Path]:
    """Lend a folder that another attempt of the same run, and a run from its failure, finds again.

    It stays where something in it can be gone on from, for a week.
    """
    asset = results_folder / _WORK / "__".join(context.asset_key.path)
    folder = asset / (context.run.root_run_id or context.run.run_id)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for other in asset.iterdir():
        if other != folder and time.time() - other.stat().st_mtime > _ABANDONED_SECONDS:
            shutil.rmtree(other, ignore_errors=True)
    try:
        yield folder
    finally:
        if not any(folder.rglob(_JOURNAL)):
            shutil.rmtree(folder)
            for empty in (asset, asset.parent):
                with contextlib.suppress(OSError):  # another run works there
                    empty.rmdir()
