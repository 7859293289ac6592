"""The names that the package offers, and what it does not import for them."""

from __future__ import annotations

import subprocess
import sys

import pytest

import cockroach_pipelines


def test_every_name_is_there() -> None:
    for name in cockroach_pipelines.__all__:
        assert getattr(cockroach_pipelines, name).__name__ == name
    assert set(cockroach_pipelines.__all__) <= set(dir(cockroach_pipelines))


def test_unknown_name_is_an_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'SqlFolder'"):
        cockroach_pipelines.SqlFolder  # noqa: B018


def test_database_part_needs_no_dagster() -> None:
    code = "import sys, cockroach_pipelines as c; c.ConnectionManager, c.QueryExecutor; print('dagster' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == "False", done.stderr
