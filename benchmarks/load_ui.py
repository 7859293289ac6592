"""How long `dg dev` takes until its UI has every asset, and how much memory it holds then."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_LONGEST = 300.0
_QUERY = json.dumps({"query": "{ assetNodes { id isExecutable } }"}).encode()


@dataclass(frozen=True)
class Ready:
    """Seconds until every asset was there, and the memory of all of its processes then, shared pages once."""

    seconds: float
    bytes: int


def measure(project: Path, files: int) -> Ready:
    """Start the UI on a project of SQL files, wait for its assets, and end it."""
    for name in ("pyproject.toml", "dagster.yaml", "workspace.yaml"):
        shutil.copy(_ROOT / name, project)
    (project / "cockroach_pipelines").symlink_to(_ROOT / "cockroach_pipelines")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("COCKROACH_", "DAGSTER_"))}
    started = time.monotonic()
    with (project / "dg_dev.log").open("w") as log:
        process = subprocess.Popen(
            [str(Path(sys.executable).parent / "dg"), "dev", "--port", str(port), "--host", "127.0.0.1"],
            cwd=project,
            env={**environ, "PYTHONPATH": str(project)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            while _assets(port) < files:
                if process.poll() is not None or time.monotonic() - started > _LONGEST:
                    raise RuntimeError((project / "dg_dev.log").read_text()[-4000:])
                time.sleep(0.1)
            return Ready(time.monotonic() - started, _memory(process.pid))
        finally:
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _assets(port: int) -> int:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql", data=_QUERY, headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - its own address
            nodes = json.load(answer)["data"]["assetNodes"]
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return 0
    return sum(node["isExecutable"] for node in nodes)


def _memory(leader: int) -> int:
    """Give the proportional set size of every process of a session."""
    total = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            session = int((process / "stat").read_text().rpartition(")")[2].split()[3])
            if session == leader:
                rollup = (process / "smaps_rollup").read_text()
                total += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) * 1024
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total
