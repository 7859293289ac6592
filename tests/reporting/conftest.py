"""Reports that PostgreSQL's rows make, as the commands and Dagster make them."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cockroach_pipelines.database.jvm import JVMManager
from cockroach_pipelines.embedded import connection_manager
from cockroach_pipelines.execution import Order, QueryExecutor, ResultProcessor
from cockroach_pipelines.queries import SQLRepository, partition_window
from cockroach_pipelines.reporting import ReportOutcome, SnapshotStore, produce, read_report
from cockroach_pipelines.reporting.building import build
from cockroach_pipelines.reporting.model import Report
from cockroach_pipelines.reporting.snapshots import Snapshot
from tests.peers.postgres import PostgresServer
from tests.peers.project import make_project

NOW = dt.datetime(2024, 2, 1, 6, 30, tzinfo=dt.UTC)

Read = Callable[..., ReportOutcome]
Make = Callable[..., Report]
Keep = Callable[..., Snapshot]


@pytest.fixture
def read(server: PostgresServer, jvm: JVMManager, tmp_path: Path) -> Iterator[Read]:
    """Read a report of a file's text, for a partition or none."""
    config = make_project(tmp_path, {"main": server.config}, {})
    numbers = itertools.count()
    with connection_manager(config.settings.connections) as connections:

        def read(text: str, partition: str | None = None, **parameters: object) -> ReportOutcome:
            make_project(tmp_path, {"main": server.config}, {"reporting/r.sql": text})
            query = SQLRepository(config.settings.sql_folder, connections=["main"]).get("reporting/r")
            window = (
                partition_window(query.header.partition, partition) if query.header.partition and partition else None
            )
            folder = tmp_path / "staged" / str(next(numbers))
            folder.mkdir(parents=True)
            executor, processor = QueryExecutor(connections), ResultProcessor(tmp_path / "results")
            outcome = read_report(executor, processor, Order(query, parameters, window), folder / "r.parquet")
            assert isinstance(outcome, ReportOutcome)
            return outcome

        yield read


@pytest.fixture
def make(read: Read) -> Make:
    """Make a report of a file's text."""

    def make(text: str, partition: str | None = None, **parameters: object) -> Report:
        return build(read(text, partition, **parameters), NOW)

    return make


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    return SnapshotStore(tmp_path / "results" / "reports")


@pytest.fixture
def keep(read: Read, store: SnapshotStore) -> Keep:
    """Keep a report of a file's text as a snapshot."""

    def keep(text: str, partition: str | None = None, now: dt.datetime = NOW, **parameters: object) -> Snapshot:
        return produce(read(text, partition, **parameters), store, now).snapshot

    return keep
