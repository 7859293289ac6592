"""How processes share the tests: a file stays whole, so does a folder with one server, and what takes longest begins first."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from xdist.scheduler import LoadFileScheduling

TOGETHER = "tests/orchestration/ui/"
"""A folder whose tests share one `dg dev`: each process that had some of them would run another."""

LONGEST_FIRST = (
    TOGETHER,
    "tests/test_demo.py",
    "tests/benchmarks/",
    "tests/faults/",
    "tests/reconciliation/test_known_wrong_answers.py",
    "tests/reconciliation/test_truth.py",
    "tests/database/kerberos/test_authenticator.py",
    "tests/orchestration/test_faults.py",
    "tests/maintenance/test_batched.py",
    "tests/cli/test_interrupt.py",
    "tests/orchestration/sensors/test_preview.py",
    "tests/orchestration/test_component.py",
    "tests/embedded/",
    "tests/orchestration/test_definitions.py",
    "tests/orchestration/test_reports.py",
    "tests/reconciliation/test_stopping.py",
    "tests/reporting/test_killed_deliveries.py",
)
"""Files and folders that take many seconds; the others fill what is left of each process's time."""


class Scheduling(LoadFileScheduling):
    """pytest-xdist's sharing by files, with one folder as if it were a file."""

    def _split_scope(self, nodeid: str) -> str:
        return TOGETHER if nodeid.startswith(TOGETHER) else super()._split_scope(nodeid)


def longest_first(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """Give the tests in the order in which they begin; those of a file, and files that are alike, stay in theirs."""

    def place(item: pytest.Item) -> int:
        return next((at for at, path in enumerate(LONGEST_FIRST) if item.nodeid.startswith(path)), len(LONGEST_FIRST))

    return sorted(items, key=place)
