"""One run at a time for what must not meet itself."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from dagster import DagsterInstance

_ATTEMPTS = 3


@contextmanager
def exclusively(context: dg.AssetExecutionContext) -> Iterator[None]:
    """Keep every other run from the same asset, and the same partition of it, for the length of a block.

    It takes the only slot of a pool of that name in Dagster's instance: whatever frees the slots of crashed runs frees
    this one. A run that finds it taken is refused rather than kept waiting, for the work it came for is being done.

    Raises:
        dagster.Failure: Another run has it.
    """
    storage = context.instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        yield
        return
    name = "/".join(context.asset_key.path)
    partition = _partition(context)
    pool = ":".join([name, *partition])
    # The executor frees the slots of the step itself when the step ends; this one ends with the block.
    step = f"{context.op_execution_context.op_handle}[alone]"
    claimed = any(_claim(context.instance, pool, context.run.run_id, step) for _ in range(_ATTEMPTS))
    if not claimed:
        holders = ", ".join(sorted(storage.get_concurrency_info(pool).active_run_ids)) or "another run"
        storage.free_concurrency_slot_for_step(context.run.run_id, step)
        raise dg.Failure(
            f"{name} is being run by {holders}; this run did nothing.\n"
            "Two runs of the same maintenance would step on each other. Wait for its end, or terminate it; if its "
            f"process has died, free the slot of the pool {pool} under Deployment > Concurrency.",
            metadata={"pool": pool, "held_by": holders},
            allow_retries=False,
        )
    try:
        yield
    finally:
        storage.free_concurrency_slot_for_step(context.run.run_id, step)
        left = storage.get_concurrency_info(pool)
        if partition and not left.active_slot_count and not left.pending_steps:
            storage.delete_concurrency_limit(pool)  # else a pool would stay for every partition that ever was


def _partition(context: dg.AssetExecutionContext) -> list[str]:
    if context.assets_def.partitions_def is None:  # a run of several assets may have a partition all the same
        return []
    keys = context.partition_keys
    return [keys[0]] if len(keys) == 1 else [keys[0], keys[-1]]


def _claim(instance: DagsterInstance, pool: str, run_id: str, step: str) -> bool:
    storage = instance.event_log_storage
    try:
        storage.set_concurrency_slots(pool, 1)
    except Exception:
        if pool not in storage.get_concurrency_keys():  # else another run made it at the same moment
            raise
    if not storage.claim_concurrency_slot(pool, run_id, step).is_claimed:
        storage.free_concurrency_slot_for_step(run_id, step)
        return False
    # Of two that took the slot within one moment the one whose name is in it has it.
    return run_id in storage.get_concurrency_info(pool).active_run_ids
