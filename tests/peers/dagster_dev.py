"""`dg dev` on a project folder of its own: the UI, the daemon and the code location, driven over GraphQL."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from tests.peers.processes import free_port, inherited, start_server, stop_server
from tests.peers.waiting import wait_until

_ENDED = frozenset({"SUCCESS", "FAILURE", "CANCELED"})

_ASSET_JOB = """
query($keys: [AssetKeyInput!]!) {
    assetNodes(assetKeys: $keys) {
        jobNames
        repository { name location { name } }
    }
}
"""
_LAUNCH = """
mutation($execution: ExecutionParams!) {
    launchRun(executionParams: $execution) {
        __typename
        ... on LaunchRunSuccess { run { id } }
        ... on PythonError { message }
        ... on RunConfigValidationInvalid { errors { message } }
    }
}
"""
_TERMINATE = """
mutation($run: String!) {
    terminateRun(runId: $run, terminatePolicy: SAFE_TERMINATE) {
        __typename
        ... on TerminateRunFailure { message }
        ... on PythonError { message }
    }
}
"""
_BACKFILL = """
mutation($params: LaunchBackfillParams!) {
    launchPartitionBackfill(backfillParams: $params) {
        __typename
        ... on LaunchBackfillSuccess { backfillId }
        ... on PythonError { message }
    }
}
"""
_FRESHNESS = """
query($key: AssetKeyInput!) {
    assetNodeOrError(assetKey: $key) { ... on AssetNode { freshnessStatusInfo { freshnessStatus } } }
}
"""
_REPOSITORY = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } } } } }"
_TICKS = "status skipReason runIds error { message causes { message } }"
_SENSOR = f"""
query($repository: SensorSelector!) {{
    sensorOrError(sensorSelector: $repository) {{ ... on Sensor {{ sensorState {{ ticks(limit: 100) {{ {_TICKS} }} }} }} }}
}}
"""
_SCHEDULE = f"""
query($repository: ScheduleSelector!) {{
    scheduleOrError(scheduleSelector: $repository) {{ ... on Schedule {{ scheduleState {{ ticks(limit: 100) {{ {_TICKS} }} }} }} }}
}}
"""
_MESSAGES = """
query($run: ID!) {
    runOrError(runId: $run) { ... on Run { eventConnection { events { ... on MessageEvent { message } } } } }
}
"""
_STATUS = "query($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"
_POOL = "query($pool: String) { instance { concurrencyLimit(concurrencyKey: $pool) { claimedSlots { runId } } } }"
_TAGGED = """
query($tags: [ExecutionTag!]!) { runsOrError(filter: {tags: $tags}) { ... on Runs { results { id status } } } }
"""
_RUNS = "{ runsOrError(limit: 100) { ... on Runs { results { id } } } }"


class DagsterDev:
    """`dg dev` as a user of the project's folder has it: no DAGSTER_HOME, the history where dagster.yaml says.

    Ends with the test process, however that ends; a context manager.

    Args:
        folder: The project: pyproject.toml, dagster.yaml, config.yaml, sql and the package.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.log = folder / "dg_dev.log"
        self.printed_at_start = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._launched: list[str] = []

    @property
    def address(self) -> str:
        """Where the UI is."""
        return f"http://127.0.0.1:{self.port}"

    def start(self, seconds: float = 120) -> None:
        """Start everything and wait until the assets of the project are served."""
        env = {
            name: value
            for name, value in inherited().items()
            if not name.startswith(("DAGSTER_", "COCKROACH_", "PYTHONPATH"))
        }
        dg = Path(sys.executable).with_name("dg")
        self._process = start_server(
            [str(dg), "dev", "--port", str(self.port)],
            log=self.log,
            env=env,
            ready=self._serves_assets,
            seconds=seconds,
        )
        self.printed_at_start = self.log.read_text()

    def stop(self) -> None:
        """End `dg dev`, and whatever it started."""
        if self._process:
            stop_server(self._process, signal.SIGINT)
            # Its processes share its session; one that a bug left behind must not outlive the tests.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def graphql(self, query: str, **variables: object) -> Any:
        """Give the data that a query asks for."""
        request = urllib.request.Request(
            f"{self.address}/graphql",
            json.dumps({"query": query, "variables": variables}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def launch(self, asset: str, config: Mapping[str, object] | None = None) -> str:
        """Materialize an asset, with a configuration of its own or none, and give the run's id."""
        key = {"path": asset.split("/")}
        (node,) = self.graphql(_ASSET_JOB, keys=[key])["assetNodes"]
        selector = {
            "repositoryLocationName": node["repository"]["location"]["name"],
            "repositoryName": node["repository"]["name"],
            "pipelineName": node["jobNames"][0],
            "assetSelection": [key],
            "assetCheckSelection": None,
        }
        execution: dict[str, object] = {"selector": selector, "mode": "default"}
        if config:
            execution["runConfigData"] = {"ops": {asset.replace("/", "__"): {"config": dict(config)}}}
        answer = self.graphql(_LAUNCH, execution=execution)["launchRun"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        run = str(answer["run"]["id"])
        self._launched.append(run)
        return run

    def launch_backfill(self, asset: str, partitions: Sequence[str]) -> str:
        """Materialize partitions of an asset as the UI's dialogue does, and give the backfill's id."""
        params = {"assetSelection": [{"path": asset.split("/")}], "partitionNames": list(partitions)}
        answer = self.graphql(_BACKFILL, params=params)["launchPartitionBackfill"]
        assert answer["__typename"] == "LaunchBackfillSuccess", answer
        return str(answer["backfillId"])

    def freshness(self, asset: str) -> str:
        """How fresh an asset is by its policy, in the UI's words: HEALTHY, WARNING, DEGRADED, UNKNOWN."""
        node = self.graphql(_FRESHNESS, key={"path": asset.split("/")})["assetNodeOrError"]
        return str(node["freshnessStatusInfo"]["freshnessStatus"])

    def terminate(self, run: str) -> None:
        """Terminate a run as the UI's button does."""
        answer = self.graphql(_TERMINATE, run=run)["terminateRun"]
        assert answer["__typename"] == "TerminateRunSuccess", answer

    def end_launched(self) -> None:
        """End the runs that `launch` began and that still go on."""
        left = [run for run in self._launched if self.status(run) not in _ENDED]
        self._launched.clear()
        for run in left:
            self.graphql(_TERMINATE, run=run)  # of one that ends meanwhile it says so
        for run in left:
            self.wait_for_end(run)

    def sensor_ticks(self, name: str) -> list[dict[str, Any]]:
        """What a sensor came to, tick by tick, the latest first."""
        selector = {**self._repository(), "sensorName": name}
        return list(self.graphql(_SENSOR, repository=selector)["sensorOrError"]["sensorState"]["ticks"])

    def schedule_ticks(self, name: str) -> list[dict[str, Any]]:
        """What a schedule came to, tick by tick, the latest first."""
        selector = {**self._repository(), "scheduleName": name}
        return list(self.graphql(_SCHEDULE, repository=selector)["scheduleOrError"]["scheduleState"]["ticks"])

    def messages(self, run: str) -> list[str]:
        """The texts of a run's events, the oldest first."""
        events = self.graphql(_MESSAGES, run=run)["runOrError"]["eventConnection"]["events"]
        return [str(event.get("message", "")) for event in events]

    def process_of(self, run: str) -> int | None:
        """Number of the process that a run runs in; None while it has none."""
        found = [match for text in self.messages(run) if (match := re.search(r"\(pid: (\d+)\)", text))]
        return int(found[-1][1]) if found else None

    def slots(self, pool: str) -> list[str]:
        """The runs that hold slots of a pool."""
        held = self.graphql(_POOL, pool=pool)["instance"]["concurrencyLimit"]
        return [str(slot["runId"]) for slot in held["claimedSlots"]]

    def runs(self, **tags: str) -> list[dict[str, Any]]:
        """Runs with certain tags, of Dagster's own ones without their prefix, the latest first."""
        wanted = [{"key": f"dagster/{name}", "value": value} for name, value in tags.items()]
        return list(self.graphql(_TAGGED, tags=wanted)["runsOrError"]["results"])

    def run_id(self, beginning: str) -> str:
        """Give the whole id of a run that the UI showed the first characters of."""
        runs = self.graphql(_RUNS)["runsOrError"]["results"]
        (run,) = (run["id"] for run in runs if run["id"].startswith(beginning))
        return str(run)

    def status(self, run: str) -> str:
        """Status of a run, such as `STARTED`."""
        return str(self.graphql(_STATUS, run=run)["runOrError"]["status"])

    def wait_for_end(self, run: str, seconds: float = 180) -> str:
        """Wait until a run has ended and give its status."""
        wait_until(lambda: self.status(run) in _ENDED, seconds, lambda: f"run {run} is {self.status(run)}")
        return self.status(run)

    def _repository(self) -> dict[str, str]:
        (node,) = self.graphql(_REPOSITORY)["repositoriesOrError"]["nodes"]
        return {"repositoryLocationName": node["location"]["name"], "repositoryName": node["name"]}

    def _serves_assets(self) -> bool:
        try:
            return bool(self.graphql("{ assetNodes { id } }")["assetNodes"])
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False


def make_dagster_project(repository: Path, folder: Path, database: Path, files: Mapping[str, str]) -> None:
    """Make a copy of this repository's project, with its own history and results and further SQL files.

    Args:
        repository: What is copied; the package itself is linked.
        folder: The new project.
        database: Folder of the embedded database of connection main.
        files: Texts by their paths below sql/queries.
    """
    for name in ("pyproject.toml", "dagster.yaml", "workspace.yaml", "config.yaml"):
        (folder / name).write_bytes((repository / name).read_bytes())
    (folder / "cockroach_pipelines").symlink_to(repository / "cockroach_pipelines")
    config = folder / "config.yaml"
    shipped = config.read_text()
    assert "embedded: {}" in shipped
    config.write_text(shipped.replace("embedded: {}", f"embedded: {{folder: {json.dumps(str(database))}}}"))
    for file in (repository / "sql").rglob("*.sql"):
        copy = folder / file.relative_to(repository)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    for name, text in files.items():
        (folder / "sql" / "queries" / name).write_text(text)
