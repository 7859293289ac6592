"""What Dagster is given for the files of `every_key`, as text to compare with.

`uv run --no-sync python -m tests.orchestration.definition_snapshots` writes it anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import yaml
from dagster._core.definitions.partitions.snap import PartitionsSnap

from cockroach_pipelines.config import ConfigManager
from cockroach_pipelines.orchestration import build_definitions

FOLDER = Path(__file__).parent / "every_key"
SNAPSHOTS = Path(__file__).parent / "snapshots"
KINDS = ("assets", "checks", "schedules", "sensors", "jobs")


def definitions() -> dg.Definitions:
    """Load the files."""
    return build_definitions(ConfigManager.load(FOLDER / "config.yaml", {}))


def snapshots(definitions: dg.Definitions) -> dict[str, str]:
    """Give the text of each kind of definition, in the order of their names."""
    graph, repository = definitions.resolve_asset_graph(), definitions.get_repository_def()
    checks = [(node.key, spec) for node in graph.asset_nodes for spec in _check_specs(definitions, node.check_keys)]
    found = {
        "assets": {_name(node.key): _asset(node) for node in graph.asset_nodes},
        "checks": {f"{_name(key)}:{spec.name}": _check(spec) for key, spec in checks},
        "schedules": {each.name: _schedule(each) for each in repository.schedule_defs},
        "sensors": {each.name: _sensor(each) for each in repository.sensor_defs},
        "jobs": {
            each.name: sorted(node.name for node in each.nodes_in_topological_order)
            for each in repository.get_all_jobs()
        },
    }
    return {kind: _text(found[kind]) for kind in KINDS}


def _asset(node: Any) -> dict[str, Any]:
    return {
        "description": node.description,
        "group": node.group_name,
        "owners": list(node.owners),
        "tags": dict(sorted(node.tags.items())),
        "kinds": sorted(node.kinds),
        "metadata": {name: _plain(value) for name, value in sorted(node.metadata.items())},
        "code_version": node.code_version,
        "upstream": sorted(map(_name, node.parent_keys)),
        "executable": node.is_executable,
        "pools": sorted(node.pools or ()),
        "partitions": _packed(node.partitions_def and PartitionsSnap.from_def(node.partitions_def)),
        "partition_mappings": {_name(key): _packed(each) for key, each in sorted(node.partition_mappings.items())},
        "backfill": _packed(node.backfill_policy),
        "automation": _packed(node.automation_condition),
        "freshness": _packed(node.freshness_policy),
    }


def _check(spec: dg.AssetCheckSpec) -> dict[str, Any]:
    return {"description": spec.description, "blocking_for_dagster": spec.blocking}


def _schedule(schedule: Any) -> dict[str, Any]:
    return {
        "cron": schedule.cron_schedule,
        "timezone": schedule.execution_timezone,
        "status": schedule.default_status.value,
        "target": str(schedule.target.resolvable_to_job.selection),
        "description": schedule.description,
    }


def _sensor(sensor: Any) -> dict[str, Any]:
    return {
        "type": sensor.sensor_type.value,
        "status": sensor.default_status.value,
        "seconds": sensor.minimum_interval_seconds,
        "description": sensor.description,
    }


def _check_specs(definitions: dg.Definitions, keys: Iterable[dg.AssetCheckKey]) -> list[dg.AssetCheckSpec]:
    wanted = set(keys)
    specs = [
        spec
        for asset in definitions.assets or ()
        if isinstance(asset, dg.AssetsDefinition)
        for spec in asset.check_specs
        if spec.key in wanted
    ]
    return sorted(specs, key=lambda spec: spec.name)


def _packed(value: Any) -> Any:
    return None if value is None else json.loads(dg.serialize_value(value))


def _plain(value: Any) -> Any:
    said = value.value if isinstance(value, dg.MetadataValue) else value
    if isinstance(said, dg.CodeReferencesMetadataValue):
        said = [reference.source for reference in said.code_references]
    return json.loads(json.dumps(said, default=str).replace(str(FOLDER), "every_key"))


def _name(key: dg.AssetKey) -> str:
    return "/".join(key.path)


def _text(found: Mapping[str, Any]) -> str:
    text = yaml.safe_dump(dict(sorted(found.items())), sort_keys=False, allow_unicode=True, width=1_000_000)
    return text.replace(str(FOLDER), "every_key")


def write() -> None:
    """Write the snapshots."""
    SNAPSHOTS.mkdir(exist_ok=True)
    for kind, text in snapshots(definitions()).items():
        (SNAPSHOTS / f"{kind}.yaml").write_text(text)


if __name__ == "__main__":
    write()
