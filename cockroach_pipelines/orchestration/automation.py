"""What makes files run beside their schedules: updates of other assets, and changes of their own text."""

from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Any, TypeAlias

import dagster as dg

from cockroach_pipelines.queries import Query
from cockroach_pipelines.queries.headers import MappingKind, Trigger

_Condition: TypeAlias = dg.AutomationCondition[Any]

SENSOR = "updates_and_changes"
"""Name of the sensor that looks at the conditions of all files."""


def automation_condition(query: Query) -> _Condition | None:
    """Give the condition of a header's `after` and `on`, None without both.

    After other assets: each of them was updated since the file was last asked for, and nothing that a partition comes
    after is missing or being made. On a change of its code, or a new key: at once. Of windows of time the latest that has
    ended is run, of keys every one that this holds for.
    """
    conditions = {_said(query, None): _after(query)} if query.header.after else {}
    conditions |= {_said(query, trigger): _ON[trigger]() for trigger in query.header.on}
    if not conditions:
        return None
    return _labelled(reduce(or_, conditions.values()), " or ".join(conditions))


def automation_sensor(queries: Iterable[Query], prefix: str = "") -> list[dg.AutomationConditionSensorDefinition]:
    """Give the one sensor that looks at the conditions of all files, running from the start; none when no file has one.

    Args:
        queries: The files.
        prefix: What their names begin with, and with them the sensor's.
    """
    automated = [query for query in queries if query.header.after or query.header.on]
    if not automated:
        return []
    return [
        dg.AutomationConditionSensorDefinition(
            "__".join([*prefix.split("/"), SENSOR] if prefix else [SENSOR]),
            target=dg.AssetSelection.assets(*(_key(query.name) for query in automated)),
            default_status=dg.DefaultSensorStatus.RUNNING,
            description="  \n".join(f"{query.name}: {_all_said(query)}" for query in automated),
        )
    ]


def _after(query: Query) -> _Condition:
    named = query.header.after
    together = dg.AssetSelection.assets(*(_key(name) for name in named))
    condition: _Condition = dg.AutomationCondition.in_latest_time_window()
    for name in named:
        # Not `any_deps_updated().allow(...)`: what Dagster remembers of one such condition it takes for that of another.
        updated = dg.AutomationCondition.asset_matches(_key(name), _updated())
        condition &= _labelled(_until_asked_for(updated), f"{name} was updated")
    # Of what comes after all partitions of another asset, one that nobody wants would keep it from ever running.
    needed = [_key(name) for name in named if query.header.partition and not _comes_after_all(query, name)]
    if needed:
        condition &= ~dg.AutomationCondition.any_deps_missing().allow(dg.AssetSelection.assets(*needed))
    condition &= ~dg.AutomationCondition.any_deps_in_progress().allow(together)
    condition &= ~dg.AutomationCondition.in_progress()
    return condition


def _updated() -> _Condition:
    """Give what `any_deps_updated` asks of each: updated by a run that did not run the file as well, or about to be."""
    alone: _Condition = ~dg.AutomationCondition.executed_with_root_target()
    return (dg.AutomationCondition.newly_updated() & alone) | dg.AutomationCondition.will_be_requested()


def _until_asked_for(happened: _Condition) -> _Condition:
    """Keep in mind that something happened until the file is asked for.

    Dagster's `since_last_handled` forgets what happens in the moment that the file is asked for, and while it runs.
    """
    asked_for: _Condition = dg.AutomationCondition.newly_requested() & ~happened
    return happened.since(asked_for | dg.AutomationCondition.initial_evaluation())


def _code_changed() -> _Condition:
    changed: _Condition = dg.AutomationCondition.code_version_changed()
    condition = dg.AutomationCondition.in_latest_time_window() & _until_asked_for(changed)
    return condition & ~dg.AutomationCondition.in_progress()


def _key_added() -> _Condition:
    added: _Condition = dg.AutomationCondition.missing().newly_true()
    return _until_asked_for(added) & ~dg.AutomationCondition.in_progress()


_ON = {Trigger.CODE_CHANGE: _code_changed, Trigger.NEW_KEY: _key_added}


def _labelled(condition: Any, label: str) -> _Condition:
    # Only Dagster's own conditions have labels, and it says of few that they are its own.
    labelled: _Condition = condition.with_label(label)
    return labelled


def _comes_after_all(query: Query, name: str) -> bool:
    mapping = query.header.partition_mapping.get(name)
    return mapping is not None and mapping.kind is MappingKind.ALL


def _all_said(query: Query) -> str:
    after = [_said(query, None)] if query.header.after else []
    return ", and ".join([*after, *(_said(query, trigger) for trigger in query.header.on)])


def _said(query: Query, trigger: Trigger | None) -> str:
    return f"on {trigger}" if trigger else f"after {', '.join(query.header.after)}"


def _key(name: str) -> dg.AssetKey:
    return dg.AssetKey(name.split("/"))
