"""One loading of a code location in a process of its own: SQL files, or as many bare `@dg.asset`s.

Usage: python -m benchmarks.load_trial sql CONFIG | bare COUNT | scheduled COUNT | steps CONFIG
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg

from benchmarks.trial import peak_bytes


def sql(config: str) -> Callable[[], dg.Definitions]:
    """Give what loads the files of a project."""
    from cockroach_pipelines.config import ConfigManager
    from cockroach_pipelines.orchestration import build_definitions

    return lambda: build_definitions(ConfigManager.load(Path(config), {}))


def bare(count: str, every: int = 0) -> Callable[[], dg.Definitions]:
    """Give what makes assets with nothing but a name, each so-many-th of them with a schedule."""

    def load() -> dg.Definitions:
        assets = []
        scheduled = [f"asset_{number}" for number in range(int(count)) if every and number % every == 0]
        for number in range(int(count)):

            def body() -> None: ...

            assets.append(dg.asset(body, name=f"asset_{number}"))
        schedules = [
            dg.ScheduleDefinition(name=f"{name}_daily", target=name, cron_schedule="0 6 * * *") for name in scheduled
        ]
        return dg.Definitions(assets=assets, schedules=schedules, executor=dg.in_process_executor)

    return load


def scheduled(count: str) -> Callable[[], dg.Definitions]:
    """Give what makes bare assets, a fifth of them with a schedule."""
    return bare(count, every=5)


def timed(load: Callable[[], dg.Definitions]) -> dict[str, float]:
    """Load a code location as Dagster's server does; CPU seconds, which nothing else on the machine lengthens."""
    gc.collect()
    started = time.process_time()
    definitions = load()
    defined = time.process_time()
    repository = definitions.get_repository_def()
    repository.load_all_definitions()
    ended = time.process_time()
    assets = len(repository.asset_graph.executable_asset_keys)
    return {
        "assets": assets,
        "defined": defined - started,
        "loaded": ended - started,
        "peak_bytes": peak_bytes(),
    }


def steps(config: str) -> dict[str, float]:
    """Run every asset in one run of this process, and give the seconds from the first step's end on, for each."""
    definitions = sql(config)()
    job = definitions.resolve_implicit_global_asset_job_def()
    ends: list[float] = []
    with dg.DagsterInstance.local_temp() as instance:
        result = job.execute_in_process(instance=instance)
        assert result.success
        ended = instance.all_logs(result.run_id, of_type=dg.DagsterEventType.STEP_SUCCESS)
        ends = sorted(entry.timestamp for entry in ended)
    return {"steps": len(ends), "each": (ends[-1] - ends[0]) / (len(ends) - 1)}


LOADS = {"sql": sql, "bare": bare, "scheduled": scheduled}


def main() -> None:
    """Do what is asked, and print what was measured."""
    what, argument = sys.argv[1:]
    measured = steps(argument) if what == "steps" else timed(LOADS[what](argument))
    print(json.dumps(measured), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
