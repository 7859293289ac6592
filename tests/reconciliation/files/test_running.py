"""A comparison that fails in a way that can pass goes on from where it ended; other errors have their place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cockroach_pipelines.config import ConfigurationError
from cockroach_pipelines.database import ServerMessage, StatementError, statement_error
from cockroach_pipelines.execution import Activity, Event, RetryScheduled
from cockroach_pipelines.queries import Comparison, asked_comparison
from cockroach_pipelines.reconciliation import ReconciliationError
from cockroach_pipelines.reconciliation.files import Comparing, running
from tests.reconciliation.conftest import Databases


def comparison(**keys: object) -> Comparison:
    sides = {
        "source": {"connection": "source", "table": "run_orders"},
        "target": {"connection": "target", "table": "run_orders"},
    }
    return asked_comparison({**sides, **keys}, shown={})


@pytest.fixture
def comparing(databases: Databases, tmp_path: Path) -> Comparing:
    databases.tables(
        "run_orders",
        "id int PRIMARY KEY, v int",
        "SELECT n, n FROM generate_series(1, 10) AS n",
        "SELECT n, n / 10 * 10 + n % 9 FROM generate_series(1, 10) AS n",
    )
    return Comparing(databases.manager, tmp_path, Activity(asset="test"))


class FailsAtFirst:
    """The engine, whose first calls end with an error that only a busy server gives."""

    def __init__(self, error: StatementError, times: int) -> None:
        self.error = error
        self.times = times
        self.folders: list[Path] = []
        self._reconcile = running.reconcile

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        self.folders.append(options["folder"])
        if len(self.folders) <= self.times:
            raise self.error
        return self._reconcile(*arguments, **options)


def test_an_error_that_can_pass_is_tried_again_in_the_same_folder(
    comparing: Comparing, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = FailsAtFirst(statement_error(ServerMessage("40001", "restart transaction")), 2)
    monkeypatch.setattr(running, "reconcile", engine)
    events: list[Event] = []
    again = Comparing(comparing.connections, comparing.folder, comparing.activity, events.append)
    assert again.run(comparison(), {}).counts.changed == 2
    assert engine.folders == [comparing.folder] * 3
    retries = [event for event in events if isinstance(event, RetryScheduled)]
    assert [event.attempt for event in retries] == [1, 2]


def test_retries_of_the_file_come_before_those_of_the_connection(
    comparing: Comparing, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = FailsAtFirst(statement_error(ServerMessage("40001", "restart transaction")), 9)
    monkeypatch.setattr(running, "reconcile", engine)
    with pytest.raises(StatementError, match="tried 2 times"):
        comparing.run(comparison(retries=1), {})


def test_an_error_that_cannot_pass_is_raised_at_once(comparing: Comparing, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = FailsAtFirst(statement_error(ServerMessage("57014", "canceling statement due to statement timeout")), 9)
    monkeypatch.setattr(running, "reconcile", engine)
    with pytest.raises(StatementError, match="57014"):
        comparing.run(comparison(), {})
    assert len(engine.folders) == 1


def test_a_condition_that_the_server_refuses_has_its_place(comparing: Comparing) -> None:
    with pytest.raises(StatementError) as raised:
        comparing.run(asked_comparison(
            {"source": {"connection": "source", "table": "run_orders"}, "target": {"connection": "target", "table": "run_orders"},
             "where": "id > 0\nAND w > 1"},
            shown={"where": "--where"},
        ), {})  # fmt: skip
    assert str(raised.value.place) == "--where:2:5"


def test_a_key_that_a_side_lacks_is_an_error_of_the_file(comparing: Comparing) -> None:
    with pytest.raises(ReconciliationError) as raised:
        comparing.run(replace(comparison(key=["idd"]), path=Path("orders.sql")), {})
    assert str(raised.value.place) == "orders.sql"
    assert "idd" in str(raised.value)
    with pytest.raises(ReconciliationError) as raised:
        comparing.run(comparison(key=["idd"]), {})
    assert raised.value.place is None  # a command has no file


def test_more_connections_than_the_pool_has_are_refused(comparing: Comparing) -> None:
    with pytest.raises(ConfigurationError, match="takes 9 connections 'source' at once, and its pool has 4"):
        comparing.run(comparison(care={"workers": 9}), {})
