"""The migrations of a connection as an asset that shows their state, and applies them when it is told to."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from cockroach_pipelines.config import PipelinesError, Settings
from cockroach_pipelines.execution import Activity
from cockroach_pipelines.execution.schema_changes import AppliedFile
from cockroach_pipelines.migrations import Entry, Migrator, State, Validation
from cockroach_pipelines.orchestration.failures import failure, shown
from cockroach_pipelines.orchestration.observer import DagsterObserver
from cockroach_pipelines.orchestration.translator import CONNECTIONS

NO_PENDING_OR_TAMPERED = "no_pending_or_tampered"
"""Name of the check that everything was applied as its file says."""

_GROUP = "migrations"


def migration_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """Give an asset for `main` where its folder of migrations exists, and one for each connection that names its own."""
    found = [name for name in ("main",) if name in settings.connections and settings.migrations_folder(name).is_dir()]
    return [migration_asset(name, settings) for name in dict.fromkeys([*found, *settings.migrations])]


def migration_asset(connection: str, settings: Settings) -> dg.AssetsDefinition:
    """Give the asset `migrations/<connection>`.

    Its materialization is a look at the history: it changes nothing unless the run's configuration says `apply: true`.
    """
    key = dg.AssetKey([_GROUP, connection])

    def look(context: dg.AssetExecutionContext) -> Iterator[Any]:
        resource = getattr(context.resources, connection)
        activity = Activity(asset="/".join(key.path), run=context.run.run_id)
        migrator: Migrator = resource.migrator(activity, DagsterObserver(context.log))
        failed = _apply(context, migrator) if context.op_execution_context.op_config["apply"] else None
        found = _look(context, migrator)
        if isinstance(found, Exception):
            raise failed or found
        if failed:
            yield _check(found, key)
            raise failed
        yield dg.MaterializeResult(metadata=_metadata(found, connection), check_results=[_check(found, key)])

    return dg.asset(
        look,
        key=key,
        description=f"What was applied to connection `{connection}` of {settings.migrations_folder(connection)}, and what is "
        "pending. A run looks; with the configuration `apply: true` it applies what is pending.",
        group_name=_GROUP,
        kinds={"sql"},
        metadata={
            "folder": dg.MetadataValue.path(str(settings.migrations_folder(connection))),
            CONNECTIONS: connection,
        },
        config_schema={
            "apply": dg.Field(bool, default_value=False, description="Apply what is pending; else only look.")
        },
        check_specs=[
            dg.AssetCheckSpec(
                NO_PENDING_OR_TAMPERED, asset=key, description="Every migration is applied, and as its file says."
            )
        ],
        required_resource_keys={connection},
        pool=connection,
    )


def _apply(context: dg.AssetExecutionContext, migrator: Migrator) -> Exception | None:
    def tell(applied: AppliedFile) -> None:
        context.log.info(f"{applied.file.script}: applied in {applied.seconds:.2f} s")

    try:
        result = migrator.apply(tell=tell)
    except PipelinesError as error:
        context.log.error(shown(error))
        return failure(error, context.retry_number, retries=False)
    for warning in result.warnings:
        context.log.warning(str(warning))
    return None


def _look(context: dg.AssetExecutionContext, migrator: Migrator) -> Validation | Exception:
    try:
        return migrator.validate()
    except PipelinesError as error:
        context.log.error(shown(error))
        return failure(error, context.retry_number)


def _metadata(found: Validation, connection: str) -> dict[str, Any]:
    survey = found.survey
    applied = [entry for entry in survey.entries if entry.state is State.APPLIED and entry.version]
    return {
        "version": applied[-1].version if applied else "none",
        "applied": dg.MetadataValue.int(survey.count(State.APPLIED)),
        "pending": dg.MetadataValue.int(len(survey.pending)),
        "wrong": dg.MetadataValue.int(len(survey.wrong) + len(found.errors)),
        "migrations": dg.MetadataValue.table([_record(entry) for entry in survey.entries], schema=_COLUMNS),
        "connection": f"{connection} ({found.server})",
    }


_COLUMNS = dg.TableSchema(
    [dg.TableColumn(name) for name in ("version", "description", "state", "applied_on", "by", "milliseconds", "note")]
)


def _record(entry: Entry) -> dg.TableRecord:
    row = entry.row
    return dg.TableRecord(
        {
            "version": entry.version or "repeatable",
            "description": entry.description,
            "state": entry.state.value,
            "applied_on": f"{row.installed_on:%Y-%m-%d %H:%M:%S}" if row else None,
            "by": row.installed_by if row else None,
            "milliseconds": row.execution_time if row else None,
            "note": entry.note or None,
        }
    )


def _check(found: Validation, key: dg.AssetKey) -> dg.AssetCheckResult:
    pending, wrong = found.survey.pending, found.survey.wrong
    said = [*map(str, wrong), *map(str, found.errors), *(f"{entry.script} is {entry.state}" for entry in pending)]
    return dg.AssetCheckResult(
        passed=not said,
        asset_key=key,
        check_name=NO_PENDING_OR_TAMPERED,
        severity=dg.AssetCheckSeverity.WARN if found.passed else dg.AssetCheckSeverity.ERROR,
        description="\n".join(said) or None,
        metadata={"pending": len(pending), "wrong": len(wrong) + len(found.errors)},
    )
