"""A process that delivers a snapshot of the report `reporting/r`, for tests that kill it on the way.

Usage: python -m tests.peers.delivering '{"sql": …, "snapshot": …, "store": …, "mail": port, "webhook": address}'
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from cockroach_pipelines.config import EmailConfig, WebhookConfig
from cockroach_pipelines.queries import SQLRepository
from cockroach_pipelines.reporting import Deliverer, Snapshot, SnapshotStore
from cockroach_pipelines.reporting.manifest import Manifest

_ROOT = Path(__file__).parents[2]


def begin(job: dict[str, Any]) -> subprocess.Popen[str]:
    """Start such a process."""
    arguments = [sys.executable, "-m", "tests.peers.delivering", json.dumps(job, default=str)]
    return subprocess.Popen(arguments, cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def main() -> None:
    """Deliver, and print what became of each delivery."""
    job = json.loads(sys.argv[1])
    rules = SQLRepository(Path(job["sql"])).get("reporting/r").report
    assert rules is not None
    email = EmailConfig.model_validate(
        {"host": "127.0.0.1", "port": job["mail"], "security": "none", "from": "r@example.com"}
    )
    snapshot = Snapshot(Path(job["snapshot"]), Manifest.read(Path(job["snapshot"])))
    deliverer = Deliverer(email, WebhookConfig.model_validate({"url": job["webhook"]}))
    for each in deliverer.deliver(snapshot, rules, SnapshotStore(Path(job["store"]))):
        print(each)


if __name__ == "__main__":
    main()
