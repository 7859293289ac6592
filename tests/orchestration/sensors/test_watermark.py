"""A new value of `watch` asks for a run, once, whatever its type; what goes wrong is a failed tick with its place."""

from __future__ import annotations

import datetime as dt
import json
import time
from pathlib import Path

import dagster as dg
import pytest

from cockroach_pipelines.config import ConfigManager, DatabaseConfig
from cockroach_pipelines.orchestration import build_definitions
from tests.orchestration.sensors.conftest import Tick
from tests.peers.postgres import PostgresServer
from tests.peers.processes import free_port
from tests.peers.project import make_project

pytestmark = pytest.mark.usefixtures("jvm")

SENSOR = "watch__reporting__totals"
NOWHERE = DatabaseConfig(host="localhost", port=1, user="etl")


@pytest.fixture
def marks(server: PostgresServer) -> PostgresServer:
    server.psql(
        "DROP TABLE IF EXISTS marks; CREATE TABLE marks (at timestamptz, note text); GRANT ALL ON marks TO PUBLIC"
    )
    return server


def project(folder: Path, config: DatabaseConfig, watch: str, more: str = "") -> ConfigManager:
    text = f"/* @asset\nwatch: {watch}\n{more}*/\nSELECT count(*) AS n FROM marks\n"
    return make_project(folder, {"main": config}, {"reporting/totals.sql": text})


def test_sensor_runs_from_the_start_and_says_what_it_does(tmp_path: Path) -> None:
    config = project(tmp_path, NOWHERE, "{query: SELECT max(at) FROM marks, every: 2m}")
    sensor = build_definitions(config).resolve_sensor_def(SENSOR)
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == 120
    assert sensor.description == "reporting/totals: a new value of `SELECT max(at) FROM marks` asks for a run."


def test_file_without_watch_has_no_sensor(tmp_path: Path) -> None:
    config = make_project(tmp_path, {"main": NOWHERE}, {"reporting/totals.sql": "SELECT 1 AS one"})
    assert [sensor.name for sensor in build_definitions(config).sensors or ()] == ["changed_sql_files"]


def test_new_value_asks_for_a_run_once_and_null_for_none(marks: PostgresServer, tmp_path: Path, tick: Tick) -> None:
    definitions = build_definitions(project(tmp_path, marks.config, "SELECT max(at) FROM marks"))
    empty = tick(definitions, SENSOR)
    assert not empty.run_requests
    assert empty.skip_message == "The query gives NULL, or no row: there is nothing yet."

    marks.psql("INSERT INTO marks VALUES ('2024-01-01 10:00+02')")
    first = tick(definitions, SENSOR, empty.cursor)
    (request,) = first.run_requests
    assert request.run_key == "2024-01-01 08:00:00+00 (1)"
    assert request.asset_selection is None or request.asset_selection == [dg.AssetKey(["reporting", "totals"])]

    again = tick(definitions, SENSOR, first.cursor)
    assert (list(again.run_requests or ()), again.skip_message) == ([], "Still 2024-01-01 08:00:00+00.")

    marks.psql("INSERT INTO marks VALUES ('2024-01-02 10:00+02')")
    second = tick(definitions, SENSOR, again.cursor or first.cursor)
    assert [each.run_key for each in second.run_requests] == ["2024-01-02 08:00:00+00 (2)"]

    marks.psql("DELETE FROM marks WHERE at > '2024-01-02'")
    back = tick(definitions, SENSOR, second.cursor)
    assert [each.run_key for each in back.run_requests] == ["2024-01-01 08:00:00+00 (3)"]  # Dagster has run (1) already
    assert marks.psql("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '%/watch %'") == "0"


@pytest.mark.parametrize(
    ("expression", "seen"),
    [
        ("1", "1"),
        ("''::text", ""),
        ("'it''s (1)'::text", "it's (1)"),
        ("1.50::numeric(10, 2)", "1.5"),
        ("sum(x) FROM (VALUES (0.10::numeric), (0.900)) AS v (x)", "1"),
        ("100::numeric", "100"),
        ("'-0.0'::numeric", "0"),
        ("'NaN'::numeric", "NaN"),
        ("0.1::float8", "0.1"),
        ("true", "true"),
        ("'\\x00ff'::bytea", "00ff"),
        ("'infinity'::timestamptz", "infinity"),
        ("'0044-03-15 BC'::date", "0044-03-15 BC"),
        ("'2024-01-01 10:00:00.000001'::timestamp", "2024-01-01 10:00:00.000001"),
        ("ARRAY[1, 2]", "{1,2}"),
        ("'{\"a\": 1}'::jsonb", '{"a": 1}'),
        ("interval '1 day 2 h'", "P1DT2H"),
    ],
)
def test_values_of_every_type(server: PostgresServer, tmp_path: Path, tick: Tick, expression: str, seen: str) -> None:
    watch = json.dumps(f"SELECT {expression}")
    found = tick(project(tmp_path, server.config, watch), SENSOR)
    assert json.loads(found.cursor) == {"seen": seen, "number": 1}
    assert found.run_requests[0].run_key == f"{seen} (1)"


@pytest.mark.parametrize(
    ("watch", "place", "said"),
    [
        ("SELECT max(missing) FROM marks", "totals.sql:2:19", 'column "missing" does not exist'),
        ("SELECT ('sec' || 'ret')::int", "totals.sql:2:", "invalid input syntax for type integer: …"),
        ("SELECT at, note FROM marks", "totals.sql:2:8", "The query gives 2 columns where one value is wanted."),
        ("SELECT generate_series(1, 3)", "totals.sql:2:8", "The query gives several rows where one value is wanted."),
        ("{query: SELECT pg_sleep(20)::text, timeout: 200ms}", "totals.sql:2:", "statement timeout"),
    ],
)  # fmt: skip
def test_query_that_fails_is_a_failed_tick_with_its_place_and_without_values(
    marks: PostgresServer, tmp_path: Path, tick: Tick, watch: str, place: str, said: str
) -> None:
    with pytest.raises(dg.Failure) as caught:
        tick(project(tmp_path, marks.config, watch), SENSOR)
    text = str(caught.value.description)
    assert text.startswith("reporting/totals could not be watched: ")
    assert place in text and said in text
    assert "secret" not in text
    assert caught.value.__cause__ is None and caught.value.__context__ is None


def test_server_that_is_away_is_a_failed_tick(tmp_path: Path, tick: Tick) -> None:
    away = DatabaseConfig(host="127.0.0.1", port=free_port(), user="etl", sslmode="disable")
    began = time.monotonic()
    with pytest.raises(dg.Failure, match="could not be watched"):
        tick(project(tmp_path, away, "SELECT 1"), SENSOR)
    assert time.monotonic() - began < 5


def test_write_is_refused_by_the_server(marks: PostgresServer, tmp_path: Path, tick: Tick) -> None:
    marks.psql(
        "CREATE OR REPLACE FUNCTION note_it() RETURNS int LANGUAGE sql AS $$ INSERT INTO marks VALUES (now()); SELECT 1 $$"
    )
    with pytest.raises(dg.Failure, match="read-only transaction"):
        tick(project(tmp_path, marks.config, "SELECT note_it()"), SENSOR)
    assert marks.psql("SELECT count(*) FROM marks") == "0"


def test_login_by_kerberos(server: PostgresServer, tmp_path: Path, tick: Tick) -> None:
    found = tick(project(tmp_path, server.kerberos_config(), "SELECT current_user"), SENSOR)
    assert json.loads(found.cursor)["seen"] == "etl"


def test_connection_of_its_own(server: PostgresServer, tmp_path: Path, tick: Tick) -> None:
    text = "/* @asset\nwatch: {query: SELECT 7, connection: other}\n*/\nSELECT 1 AS one\n"
    config = make_project(tmp_path, {"main": NOWHERE, "other": server.config}, {"reporting/totals.sql": text})
    assert json.loads(tick(config, SENSOR).cursor)["seen"] == "7"


def test_latest_window_that_has_ended_is_run(server: PostgresServer, tmp_path: Path, tick: Tick) -> None:
    yesterday = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
    config = project(tmp_path, server.config, "SELECT 1", f"partition: {{every: day, from: {yesterday}}}\n")
    (request,) = tick(config, SENSOR).run_requests
    assert request.partition_key == yesterday.isoformat()


def test_before_the_first_window_has_ended_the_value_stays_new(
    server: PostgresServer, tmp_path: Path, tick: Tick
) -> None:
    tomorrow = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1)
    found = tick(project(tmp_path, server.config, "SELECT 1", f"partition: {{every: day, from: {tomorrow}}}\n"), SENSOR)
    assert not found.run_requests and not found.cursor
    assert found.skip_message == "1 is new, and no partition has ended yet."


@pytest.mark.parametrize("cursor", ["yesterday", "[]", '{"seen": 1}', '{"seen": "a", "number": null}'])
def test_cursor_that_is_none_says_what_to_do(tmp_path: Path, tick: Tick, cursor: str) -> None:
    with pytest.raises(dg.Failure, match="clear it under Automation"):
        tick(project(tmp_path, NOWHERE, "SELECT 1"), SENSOR, cursor)
