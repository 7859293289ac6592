"""On whose behalf statements run."""

from __future__ import annotations

from dataclasses import dataclass

_NAME_BYTES = 63


@dataclass(frozen=True)
class Activity:
    """On whose behalf statements run: the database's own session list shows `project/asset/run`."""

    project: str = "cockroach_pipelines"
    asset: str = ""
    run: str = ""

    def __str__(self) -> str:
        # PostgreSQL keeps 63 bytes of a session's name: a long asset is cut, and the run's first eight characters stay.
        run = self.run[:8]
        room = _NAME_BYTES - len(self.project) - len(run) - 2
        return "/".join(part for part in (self.project, self.asset[:room], run) if part)
