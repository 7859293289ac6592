"""What a step makes of a report beyond its rows: a table, a snapshot with its pages, deliveries."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from cockroach_pipelines.config import PipelinesError
from cockroach_pipelines.execution import Activity, Outcome
from cockroach_pipelines.orchestration.failures import failure, shown
from cockroach_pipelines.orchestration.resource import CockroachDBResource
from cockroach_pipelines.orchestration.step import Step
from cockroach_pipelines.queries import Query
from cockroach_pipelines.reporting import REPORTS, Delivered, Produced, ReportOutcome, SnapshotStore, produce
from cockroach_pipelines.reporting.index import write_index
from cockroach_pipelines.reporting.publishing import publish_table

ALERTS, DELIVERED = "alerts", "report_delivered"
"""Names of the checks that a report has: nothing is worth telling, and everybody got it."""

_PREVIEW_BYTES = 400_000


def report_check_specs(query: Query, key: dg.AssetKey) -> Iterator[dg.AssetCheckSpec]:
    """Give the checks that a report has beyond those of its header."""
    rules = query.report
    if rules and any(True for _ in rules.alerts):
        yield dg.AssetCheckSpec(ALERTS, asset=key, description="No figure and no row is beyond its limits.")
    if rules and rules.deliver:
        yield dg.AssetCheckSpec(DELIVERED, asset=key, description="The report has arrived wherever it goes.")


@dataclass(frozen=True)
class _Made:
    partition: str | None
    produced: Produced
    delivered: Sequence[Delivered]
    table: str


@dataclass(frozen=True)
class Reports:
    """The reports of one step, one a partition."""

    step: Step
    results_folder: Path

    def withheld(self) -> Iterator[dg.AssetCheckResult]:
        """Give the checks of a report that a blocking check keeps from its readers."""
        rules = self.step.query.report
        if rules and rules.deliver:
            yield dg.AssetCheckResult(
                passed=False,
                asset_key=self.step.context.asset_key,
                check_name=DELIVERED,
                description="Not delivered: a blocking check failed.",
            )

    def produce(self, outcomes: Sequence[Outcome]) -> list[dg.AssetCheckResult]:
        """Make what the header asks for, partition by partition: table, snapshot, deliveries; give their checks.

        Raises:
            dagster.Failure: A report could not be made.
            dagster.RetryRequested: In a way that can pass.
        """
        if self.step.query.report is None:
            return []
        store = SnapshotStore(self.results_folder / REPORTS)
        try:
            made = [self._one(outcome, store) for outcome in outcomes if isinstance(outcome, ReportOutcome)]
            write_index(store)
        except PipelinesError as error:
            self.step.context.log.error(shown(error))
            raised = failure(error, self.step.context.retry_number, retries=self.step.query.header.retries != 0)
        else:
            return list(self._checks(made))
        raise raised  # outside the handler: without its cause, and the values in that

    def _one(self, outcome: ReportOutcome, store: SnapshotStore) -> _Made:
        context, query, rules = self.step.context, self.step.query, self.step.query.report
        assert rules is not None  # noqa: S101 - the caller's choice
        partition = outcome.order.partition.key if outcome.order.partition else None
        resource: CockroachDBResource = getattr(context.resources, query.header.connection)
        table = ""
        if rules.into and outcome.staged:
            writer = resource.writer(Activity(asset=query.name, run=context.run.run_id), self.step.observer)
            table = str(publish_table(writer, outcome.order, rules.into, outcome.staged.path))
            context.log.info(f"{query.name}: {table}")
        with store.alone(query.name, partition):
            produced = produce(outcome, store)
            delivered = resource.deliverer(query.name).deliver(produced.snapshot, rules, store)
        for each in delivered:
            (context.log.info if each.passed else context.log.error)(f"{query.name} {partition or ''}: {each}")
        made = _Made(partition, produced, delivered, table)
        if partition:
            context.add_asset_metadata(_metadata(made), partition_key=partition)
        else:
            context.add_asset_metadata(_metadata(made))
        return made

    def _checks(self, made: Sequence[_Made]) -> Iterator[dg.AssetCheckResult]:
        for spec in report_check_specs(self.step.query, self.step.context.asset_key):
            yield (self._alerts if spec.name == ALERTS else self._delivered)(made)

    def _alerts(self, made: Sequence[_Made]) -> dg.AssetCheckResult:
        manifests = [(each.partition, each.produced.snapshot.manifest) for each in made]
        unjudged = list(_lines((key, manifest.unjudged) for key, manifest in manifests))
        fired = list(_lines((key, manifest.alerts) for key, manifest in manifests))
        said = [f"Could not be evaluated: {line}" for line in unjudged] + fired
        return dg.AssetCheckResult(
            passed=not said,
            asset_key=self.step.context.asset_key,
            check_name=ALERTS,
            # What nobody could judge is an error: silence would look as if all were well.
            severity=dg.AssetCheckSeverity.ERROR if unjudged or not said else dg.AssetCheckSeverity.WARN,
            description="\n".join(said) or None,
            metadata={"alerts": len(fired), "not_evaluated": len(unjudged)},
        )

    def _delivered(self, made: Sequence[_Made]) -> dg.AssetCheckResult:
        failed = [(each.partition, one) for each in made for one in each.delivered if not one.passed]
        every = [one for each in made for one in each.delivered]
        return dg.AssetCheckResult(
            passed=not failed,
            asset_key=self.step.context.asset_key,
            check_name=DELIVERED,
            description="\n".join(_lines((key, [str(one)]) for key, one in failed)) or None,
            metadata={
                state: sum(one.state == state for one in every) for state in sorted({one.state for one in every})
            },
        )


def _lines(said: Iterable[tuple[str | None, Iterable[str]]]) -> Iterator[str]:
    for key, lines in said:
        yield from (f"{key}: {line}" if key else line for line in lines)


def _metadata(made: _Made) -> dict[str, Any]:
    snapshot, manifest = made.produced.snapshot, made.produced.snapshot.manifest
    shown_file = snapshot.path("html") or snapshot.folder
    metadata: dict[str, Any] = {
        "report": dg.MetadataValue.url(shown_file.resolve().as_uri()),
        "report_path": dg.MetadataValue.path(str(shown_file)),
        "snapshot": snapshot.id if made.produced.new else f"{snapshot.id}, made before with the same content",
    }
    for kpi in manifest.kpis:
        if kpi.number is not None:
            metadata[f"kpi/{kpi.name}"] = dg.MetadataValue.float(kpi.number)
    if manifest.alerts:
        metadata["alerts"] = dg.MetadataValue.md("\n".join(f"- {alert}" for alert in manifest.alerts))
    if made.table:
        metadata["table"] = made.table
    if made.delivered:
        metadata["deliveries"] = dg.MetadataValue.md("\n".join(f"- {each}" for each in made.delivered))
    picture = snapshot.path("png")
    if picture and picture.stat().st_size <= _PREVIEW_BYTES:
        encoded = base64.b64encode(picture.read_bytes()).decode()
        metadata["report_preview"] = dg.MetadataValue.md(f"![{manifest.asset}](data:image/png;base64,{encoded})")
    return metadata
