"""CockroachDB's jobs: a schema change goes on in one when the connection that asked for it is lost."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cockroach_pipelines.database import CockroachDBConnection

_NOTICE = re.compile(r"waiting for job\(s\) to complete: (\d+(?:, *\d+)*)")
SUCCEEDED = "succeeded"


@dataclass(frozen=True)
class JobEnd:
    """How a job ended."""

    job: int
    status: str
    error: str


def job_numbers(notices: Iterable[str]) -> tuple[int, ...]:
    """Give the jobs that the server said it waits for."""
    return tuple(
        int(number) for notice in notices if (match := _NOTICE.search(notice)) for number in match[1].split(",")
    )


def jobs_since(connection: CockroachDBConnection, moment: dt.datetime, first_word: str) -> tuple[int, ...]:
    """Give this user's schema changes that began at a moment or after it, by a statement of that first word."""
    rows = connection.query(
        "SELECT job_id FROM [SHOW JOBS] WHERE job_type IN ('SCHEMA CHANGE', 'NEW SCHEMA CHANGE') "
        "AND user_name = current_user AND created::timestamptz >= ? AND upper(description) LIKE ? ORDER BY created",
        [moment, f"{first_word} %"],
    )
    return tuple(int(row[0]) for row in rows)


def wait_for(connection: CockroachDBConnection, jobs: Sequence[int]) -> list[JobEnd]:
    """Wait until jobs have ended; to be called outside a transaction."""
    ends = []
    for job in jobs:
        connection.query(f"SHOW JOB WHEN COMPLETE {job}")
        ((status, error),) = connection.query(f"SELECT status, error FROM [SHOW JOB {job}]")
        ends.append(JobEnd(job, str(status), str(error or "")))
    return ends
