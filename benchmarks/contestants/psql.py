"""The floor: psql's COPY to nowhere."""

from __future__ import annotations

import os
import subprocess

from benchmarks.contestants.contestant import Contestant, Place, Subject
from cockroach_pipelines.embedded.installation import installed_postgresql

_DONE = "-- done --"


class ReadNothing(Contestant):
    """COPY as CSV, thrown away as it comes."""

    def __init__(self, place: Place, subject: Subject) -> None:
        super().__init__(place, subject)
        program = str(installed_postgresql().postgres.with_name("psql"))
        address = ["-h", place.host, "-p", str(place.port), "-U", place.user, "-d", place.database]
        self.psql = subprocess.Popen(
            [program, "-X", "-q", "-v", "ON_ERROR_STOP=1", *address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PGPASSWORD": place.password},
        )
        self._tell("\\o /dev/null")

    def run(self) -> None:
        self._tell(f"COPY ({self.subject.query}) TO STDOUT WITH (FORMAT csv);")

    def close(self) -> None:
        self.psql.communicate()

    def _tell(self, command: str) -> None:
        assert self.psql.stdin and self.psql.stdout
        self.psql.stdin.write(f"{command}\n\\echo {_DONE}\n")
        self.psql.stdin.flush()
        answer = self.psql.stdout.readline().strip()
        if answer != _DONE:
            raise RuntimeError(f"psql ended: {answer}")
