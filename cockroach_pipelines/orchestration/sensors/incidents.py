"""What went wrong in a run, in words for people."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluation
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
    SCHEDULE_NAME_TAG,
    SENSOR_NAME_TAG,
)

from cockroach_pipelines.config import NotificationsConfig
from cockroach_pipelines.delivery import CSV_MEDIA_TYPE, Attachment, Level, Message, spreadsheet_csv

_MOST_TOLD = 20
_MOST_ATTACHED = 10

_TOLD_BY_TAG = {
    PARTITION_NAME_TAG: "partition",
    ASSET_PARTITION_RANGE_START_TAG: "from partition",
    ASSET_PARTITION_RANGE_END_TAG: "to partition",
    SCHEDULE_NAME_TAG: "schedule",
    SENSOR_NAME_TAG: "sensor",
}


@dataclass(frozen=True)
class StepFailure:
    """A step that failed, and why, without values."""

    name: str
    asset: dg.AssetKey | None
    reason: str

    @property
    def level(self) -> Level:
        """How bad it is."""
        return Level.ERROR

    @property
    def headline(self) -> str:
        """What failed."""
        return f"{self.name} failed"

    @property
    def attachment(self) -> Attachment | None:
        """Nothing: what failed left no rows."""
        return None


@dataclass(frozen=True)
class CheckFailure:
    """A check that failed, and what it found."""

    evaluation: AssetCheckEvaluation

    @property
    def name(self) -> str:
        """The asset and the check."""
        return f"{self.asset.to_user_string()}, check {self.evaluation.check_name}"

    @property
    def asset(self) -> dg.AssetKey:
        """What was checked."""
        return self.evaluation.asset_key

    @property
    def level(self) -> Level:
        """How bad it is."""
        return Level.ERROR if self.evaluation.severity is dg.AssetCheckSeverity.ERROR else Level.WARNING

    @property
    def headline(self) -> str:
        """What failed."""
        return f"{self.name} failed"

    @property
    def reason(self) -> str:
        """What was found; why a check could not be evaluated may hold values, and is left to Dagster's page."""
        if "error" in self.evaluation.metadata:
            return "The check could not be evaluated: its page in Dagster says why."
        partitions = self.evaluation.metadata.get("failed_partitions")
        where = f" Partitions: {partitions.value}." if partitions else ""
        return f"{self.evaluation.description or 'It did not pass.'}{where}"

    @property
    def attachment(self) -> Attachment | None:
        """The sample of wrong rows, as CSV; None where there is none."""
        sample = self.evaluation.metadata.get("sample")
        if not isinstance(sample, dg.TableMetadataValue) or not sample.records:
            return None
        columns = [column.name for column in sample.schema.columns]
        name = "_".join([*self.asset.path, self.evaluation.check_name])
        return Attachment(
            f"{name}.csv", spreadsheet_csv(columns, (record.data for record in sample.records)), CSV_MEDIA_TYPE
        )


Failure = StepFailure | CheckFailure


@dataclass(frozen=True)
class Incident:
    """A run in which something failed.

    Args:
        identity: The same for the same end of the same run.
        run: The run.
        failures: What failed, at least one thing.
        ended: When it was over, in seconds since 1970.
    """

    identity: str
    run: dg.DagsterRun
    failures: tuple[Failure, ...]
    ended: float

    @cached_property
    def assets(self) -> Collection[dg.AssetKey]:
        """The assets of which something failed."""
        return {failure.asset for failure in self.failures if failure.asset}

    def message(self, settings: NotificationsConfig, assets: Collection[dg.AssetKey] | None = None) -> Message:
        """Give what people are told, of some assets alone where these are given."""
        told = [each for each in self.failures if assets is None or each.asset in assets]
        first, *others = told
        more = f" and {len(others)} more" if others else ""
        paragraphs = [f"{each.name}: {each.reason}" for each in told[:_MOST_TOLD]]
        if len(told) > _MOST_TOLD:
            paragraphs.append(f"And {len(told) - _MOST_TOLD} more.")
        attached = [file for each in told if (file := each.attachment)] if settings.sample else []
        return Message(
            f"{first.headline}{more}",
            tuple(paragraphs),
            facts=tuple(self._facts()),
            level=Level.ERROR if any(each.level is Level.ERROR for each in told) else Level.WARNING,
            link=f"{settings.link}/runs/{self.run.run_id}" if settings.link else None,
            attachments=tuple(attached[:_MOST_ATTACHED]),
            identity=self.identity,
        )

    def _facts(self) -> Iterator[tuple[str, str]]:
        yield "run", self.run.run_id
        if not self.run.job_name.startswith("__"):
            yield "job", self.run.job_name
        for tag, name in _TOLD_BY_TAG.items():
            if value := self.run.tags.get(tag):
                yield name, value


def incident(
    instance: dg.DagsterInstance,
    record: dg.EventLogRecord,
    settings: NotificationsConfig,
    steps: Mapping[str, dg.AssetKey],
) -> Incident | None:
    """Give what failed in the run that an event ended, of what the settings want to be told; None when nothing did.

    Args:
        instance: Where the run is kept.
        record: The event.
        settings: What is told.
        steps: The asset that each step makes.
    """
    run = instance.get_run_by_id(record.run_id)
    if run is None:
        return None
    ended = record.event_log_entry.dagster_event
    failed = bool(ended and ended.event_type is dg.DagsterEventType.RUN_FAILURE and "run_failure" in settings.occasions)
    steps_failed: list[Failure] = []
    checks_failed: list[Failure] = []
    events = instance.get_records_for_run(
        record.run_id, of_type={dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.ASSET_CHECK_EVALUATION}
    ).records
    for event in (each.event_log_entry.dagster_event for each in events):
        if event is None:
            continue
        if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            if _is_told(event.asset_check_evaluation_data, settings):
                checks_failed.append(CheckFailure(event.asset_check_evaluation_data))
        elif failed:
            steps_failed.append(_step_failure(event, steps))
    if failed and not steps_failed:
        said = (ended and ended.message) or "It ended before its steps did."
        steps_failed.append(StepFailure(f"Run {record.run_id[:8]}", None, said))
    if not steps_failed and not checks_failed:
        return None
    identity = f"run {record.run_id} {record.storage_id}"
    return Incident(identity, run, (*steps_failed, *checks_failed), record.timestamp)


def _is_told(evaluation: AssetCheckEvaluation, settings: NotificationsConfig) -> bool:
    if evaluation.passed or "check_failure" not in settings.occasions:
        return False
    return settings.check_severity == "warn" or evaluation.severity is dg.AssetCheckSeverity.ERROR


def _step_failure(event: dg.DagsterEvent, steps: Mapping[str, dg.AssetKey]) -> StepFailure:
    asset = steps.get((event.step_key or "").partition("[")[0])
    name = asset.to_user_string() if asset else f"Step {event.step_key}"
    data = event.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return StepFailure(name, asset, data.user_failure_data.description)
    # What any other exception says may hold values; its class does not.
    error = data.error.cause or data.error if data.error else None
    return StepFailure(name, asset, f"{error.cls_name if error else 'It ended'}: its run's page in Dagster says more.")
