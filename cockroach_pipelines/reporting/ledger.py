"""What became of the deliveries of a snapshot, written before and after each."""

from __future__ import annotations

import datetime as dt
import json
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cockroach_pipelines.config.file_errors import writing
from cockroach_pipelines.execution.files.folders import synchronise_folder
from cockroach_pipelines.reporting.errors import ReportError

LEDGER = "deliveries.jsonl"


class State(StrEnum):
    """How far a delivery is.

    Nothing, or FAILED (nothing has arrived) leads to SENDING, which is written just before the word after which it may
    arrive; SENDING to SENT, to FAILED, or to DOUBT, where nobody knows: the process died in between, or no answer came.
    DOUBT becomes CONFIRMED where a person says that it arrived. These and SENT are left by a person's order alone.
    """

    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    DOUBT = "in doubt"
    CONFIRMED = "confirmed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Entry:
    """One line: which delivery, what became of it, when, and why."""

    delivery: str
    state: State
    at: str
    detail: str = ""


class Ledger:
    """The lines of one snapshot, appended and never changed.

    Args:
        folder: That of the snapshot.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LEDGER

    def entries(self) -> list[Entry]:
        """Give the lines, the oldest first; one that a crash cut off is left out.

        Raises:
            ReportError: It cannot be read.
        """
        try:
            lines = self._path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ReportError(f"{self._path} cannot be read: {error.strerror}.") from error
        entries = []
        for number, line in enumerate(lines[:-1], 1):
            try:
                said = json.loads(line)
                entries.append(Entry(said["delivery"], State(said["state"]), said["at"], said["detail"]))
            except (ValueError, KeyError, TypeError) as error:
                raise ReportError(
                    f"Line {number} of {self._path} cannot be read: {error}.",
                    advice="Nothing is delivered that may have been before: mend the line, or `report resend`.",
                ) from error
        return entries

    def state(self, delivery: str) -> Entry | None:
        """Give what became of a delivery at last; one that was begun and never ended is in doubt."""
        last = next((entry for entry in reversed(self.entries()) if entry.delivery == delivery), None)
        if last and last.state is State.SENDING:
            return Entry(
                delivery, State.DOUBT, last.at, "the process died before the answer came, so that it may have arrived."
            )
        return last

    def write(self, delivery: str, state: State, detail: str = "") -> None:
        """Append a line; it is on the disk afterwards.

        Raises:
            FileWriteError: It cannot be written.
        """
        at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        line = json.dumps({"delivery": delivery, "state": state.value, "at": at, "detail": detail}) + "\n"
        with writing(self._path):
            is_new = not self._path.exists()
            descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                there = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
                os.ftruncate(descriptor, there.rfind(b"\n") + 1)  # a line that a crash cut off never counted
                os.write(descriptor, line.encode())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if is_new:
                synchronise_folder(self._path.parent)
