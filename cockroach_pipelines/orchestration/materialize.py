"""Materialize every asset in one process, telling what happens as lines of JSON on standard output.

Usage: python -m cockroach_pipelines.orchestration.materialize --month 2013-01 [--config FILE]

Only assets of embedded connections run: what they maintain is sample data. A tag `needs` names what the embedded server
lacks, such as an extension: its asset does not run.

Unpartitioned assets run first, in one run; then, per kind of partition, all partitions that begin in the month, in one
run. The runs are recorded in the project's own Dagster instance, so the UI shows them.

Each line is an object with `event`: `planned` (assets), `started`, `materialized` (rows), `partition` (key, rows),
`check` (check, passed, description), `failed` (error), each with `asset`; and `finished` (success) at the end.
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
from dagster import DagsterEventType, DagsterInstance, EventLogEntry

from cockroach_pipelines.config import ConfigManager
from cockroach_pipelines.orchestration.project import build_definitions
from cockroach_pipelines.orchestration.translator import CONNECTIONS

_PROCESS = "cockroach_pipelines/process"
"""Tag of a run with the number of the process that works on it."""

_NEEDS = "needs"

Emit = Callable[[dict[str, Any]], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Materialize everything; 0 when no asset failed, failed checks notwithstanding."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--month", required=True, help="partitions that begin in this month, such as 2013-01")
    parser.add_argument("--config", type=Path, help="the configuration; COCKROACH_PIPELINES_CONFIG, else ./config.yaml")
    given = parser.parse_args(arguments)
    emit = _json_lines()
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    config = ConfigManager.load(given.config)
    definitions = build_definitions(config)
    with project_instance(config.folder) as instance:
        embedded = {name for name, connection in config.settings.connections.items() if connection.embedded}
        success = _materialize(definitions, instance, given.month, embedded, emit)
    emit({"event": "finished", "success": success})
    return 0 if success else 1


def project_instance(folder: Path) -> DagsterInstance:
    """Open the instance that `dg dev` in the project's folder uses: DAGSTER_HOME when set, else the folder's dagster.yaml."""
    return DagsterInstance.get() if os.environ.get("DAGSTER_HOME") else DagsterInstance.from_config(str(folder))


def _materialize(
    definitions: dg.Definitions, instance: DagsterInstance, month: str, connections: Set[str], emit: Emit
) -> bool:
    job = definitions.resolve_implicit_global_asset_job_def()
    groups = _groups(definitions, month, connections)
    names = {name.replace("/", "__"): name for group, _ in groups for name in map(_name, group)}
    emit(
        {
            "event": "planned",
            "assets": [{"asset": _name(key), "partitions": len(keys)} for group, keys in groups for key in group],
        }
    )
    _free_slots_of_dead_processes(instance)
    success = True
    for assets, keys in groups:
        run_id = dg.DagsterRun(job_name=job.name).run_id
        instance.add_event_listener(run_id, _listener(emit, names))
        tags = (
            {"dagster/asset_partition_range_start": keys[0], "dagster/asset_partition_range_end": keys[-1]}
            if keys
            else {}
        )
        tags[_PROCESS] = str(os.getpid())
        try:
            result = job.execute_in_process(
                instance=instance, asset_selection=list(assets), run_id=run_id, tags=tags, raise_on_error=False
            )
        finally:  # an interrupt leaves them held
            instance.event_log_storage.free_concurrency_slots_for_run(run_id)
        success = success and result.success
    return success


def _free_slots_of_dead_processes(instance: DagsterInstance) -> None:
    """Give back what a killed process of this kind held: without Dagster's daemon nobody else would."""
    storage = instance.event_log_storage
    for key in storage.get_concurrency_keys():
        for run_id in storage.get_concurrency_info(key).active_run_ids:
            run = instance.get_run_by_id(run_id)
            process = run.tags.get(_PROCESS) if run else None
            if run is None or run.is_finished or (process and not Path(f"/proc/{process}").exists()):
                storage.free_concurrency_slots_for_run(run_id)


def _groups(
    definitions: dg.Definitions, month: str, connections: Set[str]
) -> list[tuple[list[dg.AssetKey], list[str]]]:
    """Give the assets that run together, with the partition keys of their run."""
    graph = definitions.resolve_asset_graph()
    by_partitions: dict[dg.PartitionsDefinition[str] | None, list[dg.AssetKey]] = {}
    for key in sorted(graph.executable_asset_keys, key=lambda key: list(key.path)):
        used = graph.get(key).metadata.get(CONNECTIONS)
        if _NEEDS in graph.get(key).tags:
            continue
        if used is None or set(str(used).split(", ")) <= connections:  # a broken file has none
            by_partitions.setdefault(graph.get(key).partitions_def, []).append(key)
    groups = []
    for partitions, assets in by_partitions.items():
        keys = list(_keys_of_month(partitions, month)) if partitions else []
        if partitions is None or keys:
            groups.append((assets, keys))
    return sorted(groups, key=lambda group: len(group[1]))


def _keys_of_month(partitions: dg.PartitionsDefinition[str], month: str) -> Iterable[str]:
    if isinstance(partitions, dg.StaticPartitionsDefinition):
        yield from partitions.get_partition_keys()
    if not isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        return
    start = datetime.strptime(month, "%Y-%m").replace(tzinfo=ZoneInfo(partitions.timezone))
    end = (start.replace(day=28) + timedelta(days=4)).replace(day=1)
    for key in partitions.get_partition_keys():
        if start <= partitions.time_window_for_partition_key(key).start < end:
            yield key


def _listener(emit: Emit, names: Mapping[str, str]) -> Callable[[EventLogEntry], None]:
    def listen(entry: EventLogEntry) -> None:
        if (event := entry.dagster_event) is None:
            return
        match event.event_type:
            case DagsterEventType.STEP_START:
                emit({"event": "started", "asset": names[event.step_key or ""]})
            case DagsterEventType.ASSET_MATERIALIZATION:
                _tell_materialization(event.step_materialization_data.materialization, emit)
            case DagsterEventType.ASSET_CHECK_EVALUATION:
                check = event.asset_check_evaluation_data
                emit({
                    "event": "check",
                    "asset": _name(check.asset_key),
                    "check": check.check_name,
                    "passed": check.passed,
                    "description": check.description or "",
                })  # fmt: skip
            case DagsterEventType.STEP_FAILURE:
                failure = event.step_failure_data
                said = failure.user_failure_data.description if failure.user_failure_data else None
                emit(
                    {
                        "event": "failed",
                        "asset": names[event.step_key or ""],
                        "error": said or str(failure.error_display_string),
                    }
                )

    return listen


def _tell_materialization(materialization: dg.AssetMaterialization, emit: Emit) -> None:
    metadata = {name: value.value for name, value in materialization.metadata.items()}
    told = {"event": "materialized", "asset": _name(materialization.asset_key), "partition": materialization.partition}
    rows = metadata.get("dagster/partition_row_count", metadata.get("dagster/row_count", metadata.get("rows_affected")))
    emit({**told, "rows": rows, "seconds": metadata.get("duration")})


def _name(key: dg.AssetKey) -> str:
    return "/".join(key.path)


def _json_lines() -> Emit:
    # The lines have standard output to themselves: what anything else prints goes to standard error.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def emit(event: dict[str, Any]) -> None:
        out.write(json.dumps(event) + "\n")

    return emit


if __name__ == "__main__":
    sys.exit(main())
