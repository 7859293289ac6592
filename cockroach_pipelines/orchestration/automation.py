"""What makes files run beside their schedules: updates of other assets, and changes of their own text."""

from collections.abc import Iterable
from typing import Any

import dagster as dg

from cockroach_pipelines.queries import MappingKind, Query

SENSOR = "updates_and_changes"
"""Name of the sensor that looks at the conditions of all files."""


def automation_condition(query: Query) -> dg.AutomationCondition[Any] | None:
    """Give the condition of a header's `after` and `on`, None without both.

    After other assets: each of them was updated since the file was last run, or asked for, and nothing that a partition
    comes after is missing or being made. On a change of its code: at once. Of windows of time the latest that has ended
    is run, of keys every one that this holds for.
    """
    conditions = []
    if query.header.after:
        conditions.append(_after(query))
    if query.header.on:
        conditions.append(_code_changed())
    if len(conditions) > 1:
        return (conditions[0] | conditions[1]).with_label(" or ".join(str(each.get_label()) for each in conditions))
    return conditions[0] if conditions else None


def automation_sensor(queries: Iterable[Query]) -> list[dg.AutomationConditionSensorDefinition]:
    """Give the one sensor that looks at the conditions of all files, running from the start; none when no file has one."""
    automated = [query for query in queries if query.header.after or query.header.on]
    if not automated:
        return []
    return [
        dg.AutomationConditionSensorDefinition(
            SENSOR,
            target=dg.AssetSelection.assets(*(_key(query.name) for query in automated)),
            default_status=dg.DefaultSensorStatus.RUNNING,
            description="  \n".join(f"{query.name}: {_said(query)}" for query in automated),
        )
    ]


def _after(query: Query) -> dg.AutomationCondition[Any]:
    named = query.header.after
    together = dg.AssetSelection.assets(*(_key(name) for name in named))
    condition: dg.AutomationCondition[Any] = dg.AutomationCondition.in_latest_time_window()
    for name in named:
        # Not `any_deps_updated().allow(...)`: what Dagster remembers of one such condition it takes for that of another.
        updated = dg.AutomationCondition.asset_matches(_key(name), _updated())
        condition &= _until_asked_for(updated, f"{name} was updated")
    # Of what comes after all partitions of another asset, one that nobody wants would keep it from ever running.
    needed = [_key(name) for name in named if query.header.partition and not _comes_after_all(query, name)]
    if needed:
        condition &= ~dg.AutomationCondition.any_deps_missing().allow(dg.AssetSelection.assets(*needed))
    condition &= ~dg.AutomationCondition.any_deps_in_progress().allow(together)
    condition &= ~dg.AutomationCondition.in_progress()
    return condition.with_label(f"after {', '.join(named)}")


def _updated() -> dg.AutomationCondition[Any]:
    """Give what `any_deps_updated` asks of each: updated by a run that did not run the file as well, or about to be."""
    alone: dg.AutomationCondition[Any] = ~dg.AutomationCondition.executed_with_root_target()
    return (dg.AutomationCondition.newly_updated() & alone) | dg.AutomationCondition.will_be_requested()


def _until_asked_for(happened: dg.AutomationCondition[Any], label: str | None = None) -> dg.AutomationCondition[Any]:
    """Keep in mind that something happened until the file is asked for.

    Dagster's `since_last_handled` forgets what happens in the moment that the file is asked for, and while it runs.
    """
    handled = dg.AutomationCondition.newly_requested() | dg.AutomationCondition.initial_evaluation()
    return happened.since(handled & ~happened).with_label(label)


def _code_changed() -> dg.AutomationCondition[Any]:
    changed: dg.AutomationCondition[Any] = dg.AutomationCondition.code_version_changed()
    condition = dg.AutomationCondition.in_latest_time_window() & _until_asked_for(changed)
    condition &= ~dg.AutomationCondition.in_progress()
    return condition.with_label("on code_change")


def _comes_after_all(query: Query, name: str) -> bool:
    mapping = query.header.partition_mapping.get(name)
    return mapping is not None and mapping.kind is MappingKind.ALL


def _said(query: Query) -> str:
    after = f"after {', '.join(query.header.after)}" if query.header.after else ""
    on = f"on {query.header.on}" if query.header.on else ""
    return ", and ".join(filter(None, (after, on)))


def _key(name: str) -> dg.AssetKey:
    return dg.AssetKey(name.split("/"))
