"""Files that are new, changed or gone are named; a webserver is asked to load them, once."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from cockroach_pipelines.config import DatabaseConfig
from cockroach_pipelines.orchestration import build_definitions
from cockroach_pipelines.orchestration.sensors import changed_files
from tests.orchestration.sensors.conftest import Tick
from tests.peers.processes import free_port
from tests.peers.project import make_project
from tests.peers.webhook import Answer, WebhookServer, webhook_server

SENSOR = "changed_sql_files"
SERVER = DatabaseConfig(host="db.example.com", user="etl")
FILES = {f"reporting/{name}.sql": "SELECT 1 AS one\n" for name in ("kept", "edited", "removed")}
LOADED = {"data": {"reloadRepositoryLocation": {"__typename": "WorkspaceLocationEntry", "locationOrLoadError": None}}}


@pytest.fixture(scope="module")
def _webserver() -> Iterator[WebhookServer]:
    with webhook_server() as server:
        yield server


@pytest.fixture
def webserver(_webserver: WebhookServer) -> WebhookServer:
    """What stands in for Dagster's webserver; the real one is asked in test_daemon.py."""
    _webserver.clear()
    return _webserver


def definitions(folder: Path, **settings: object) -> dg.Definitions:
    return build_definitions(make_project(folder, {"main": SERVER}, FILES, **settings))


def edit(folder: Path) -> None:
    queries = folder / "sql" / "queries"
    (queries / "reporting" / "edited.sql").write_text("SELECT 2 AS two, 3 AS three\n")
    (queries / "reporting" / "removed.sql").unlink()
    (queries / "maintenance").mkdir()
    (queries / "maintenance" / "added.sql").write_text("DELETE FROM a WHERE b\n")


CHANGES = "3 files are not as loaded: maintenance/added.sql (new), reporting/edited.sql (changed), reporting/removed.sql (gone)."


def test_nothing_has_changed(tmp_path: Path, tick: Tick) -> None:
    assert tick(definitions(tmp_path), SENSOR).skip_message == "All 4 files are as they were loaded."


def test_changes_are_named_with_what_to_click(tmp_path: Path, tick: Tick) -> None:
    loaded = definitions(tmp_path)
    edit(tmp_path)
    said = tick(loaded, SENSOR).skip_message
    assert said.startswith(f"{CHANGES} Click Deployment > Code locations > Reload")
    assert "webserver_url" in said


def test_configuration_counts_as_a_file(tmp_path: Path, tick: Tick) -> None:
    loaded = definitions(tmp_path)
    with (tmp_path / "config.yaml").open("a") as file:
        file.write("\n# a comment\n")
    assert "1 file is not as loaded: config.yaml (changed)." in tick(loaded, SENSOR).skip_message


def test_webserver_is_asked_once_for_each_state_of_the_folder(
    tmp_path: Path, tick: Tick, webserver: WebhookServer
) -> None:
    loaded = definitions(tmp_path, webserver_url=webserver.address)
    edit(tmp_path)
    webserver.reply = json.dumps(LOADED)
    first = tick(loaded, SENSOR)
    assert first.skip_message == f"{CHANGES} {webserver.address} has loaded them."
    assert "reloadRepositoryLocation" in webserver.posts[0]["query"]
    assert tick(loaded, SENSOR, first.cursor).skip_message.endswith("was asked to load them.")
    assert webserver.attempts == 1
    (tmp_path / "sql" / "queries" / "reporting" / "kept.sql").unlink()
    assert tick(loaded, SENSOR, first.cursor).cursor != first.cursor
    assert webserver.attempts == 2


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"errors": [{"message": "Cannot query field"}]}, "Cannot query field"),
        ({"data": {"reloadRepositoryLocation": {"__typename": "ReloadNotSupported", "message": "no"}}}, "no"),
        ({"data": {"reloadRepositoryLocation": {"__typename": "UnauthorizedError", "message": "not you"}}}, "not you"),
        (
            {
                "data": {
                    "reloadRepositoryLocation": {
                        "__typename": "WorkspaceLocationEntry",
                        "locationOrLoadError": {"__typename": "PythonError", "message": "ImportError: x"},
                    }
                }
            },
            "ImportError: x",
        ),
    ],
)
def test_load_that_fails_is_a_failed_tick(
    tmp_path: Path, tick: Tick, webserver: WebhookServer, answer: object, said: str
) -> None:
    loaded = definitions(tmp_path, webserver_url=webserver.address)
    edit(tmp_path)
    webserver.reply = json.dumps(answer)
    with pytest.raises(dg.Failure) as caught:
        tick(loaded, SENSOR)
    assert str(caught.value.description) == f"{CHANGES} They were not loaded: {said}"


def test_webserver_that_cannot_be_asked_is_named(tmp_path: Path, tick: Tick, webserver: WebhookServer) -> None:
    loaded = definitions(tmp_path, webserver_url=f"http://127.0.0.1:{free_port()}")
    edit(tmp_path)
    with pytest.raises(dg.Failure, match=r"cannot be asked: .*refused"):
        tick(loaded, SENSOR)
    webserver.answers.append(Answer(502))
    loaded = definitions(tmp_path, webserver_url=webserver.address)
    (tmp_path / "sql" / "queries" / "reporting" / "kept.sql").unlink()
    with pytest.raises(dg.Failure, match=r"answered 502 Bad Gateway"):
        tick(loaded, SENSOR)


def test_webserver_that_is_still_at_it_is_not_asked_again(
    tmp_path: Path, tick: Tick, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changed_files, "_LONGEST_LOAD_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        loaded = definitions(tmp_path, webserver_url=f"http://127.0.0.1:{silent.getsockname()[1]}")
        edit(tmp_path)
        first = tick(loaded, SENSOR)
        assert first.skip_message.endswith("was asked to load them, and is at it.")
        assert tick(loaded, SENSOR, first.cursor).skip_message.endswith("was asked to load them.")


@pytest.mark.parametrize("spoil", ["configuration", "folder"])
def test_project_that_could_not_be_loaded_is_not(
    tmp_path: Path, tick: Tick, webserver: WebhookServer, spoil: str
) -> None:
    loaded = definitions(tmp_path, webserver_url=webserver.address)
    if spoil == "configuration":
        (tmp_path / "config.yaml").write_text("connections: {main: {embedded: {folders: x}}}\n")
        said = "is no setting"
    else:
        (tmp_path / "sql").rename(tmp_path / "elsewhere")
        said = "does not exist"
    with pytest.raises(dg.Failure, match=said):
        tick(loaded, SENSOR)
    assert webserver.attempts == 0
