"""How many assets use a connection at once."""

import dagster as dg
from dagster import DagsterInstance


def apply_limit(instance: DagsterInstance, pool: str, limit: int) -> bool:
    """Give a pool of Dagster's instance its number of slots; whether that changed anything.

    A slot that is held stays held: where there are fewer than before, the next ones wait.
    """
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return False
    known = {each.name: each for each in storage.get_pool_limits()}
    if pool in known and known[pool].limit == limit and not known[pool].from_default:
        return False
    storage.set_concurrency_slots(pool, limit)
    return True


def limit_when_a_run_begins(context: dg.InitResourceContext, pool: str, limit: int | None) -> None:
    """Give a connection's pool the limit of the configuration, before any step of the run claims a slot.

    Without a limit the pool is left as it is: `dagster.yaml` has the default, and the UI may have set another.
    """
    if limit is not None and context.instance is not None and apply_limit(context.instance, pool, limit):
        (context.log or dg.get_dagster_logger()).info(f"At most {limit} assets use the pool {pool} at once.")
