"""What is known of a snapshot, beside its files."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from cockroach_pipelines.execution.files import LocalFile
from cockroach_pipelines.reporting.errors import ReportError
from cockroach_pipelines.reporting.model import Report

MANIFEST = "manifest.json"
_VERSION = 1


@dataclass(frozen=True)
class KeptFile:
    """A file of a snapshot: its name, what it is (a format, or `rows` of a statement), its bytes and their SHA-256."""

    name: str
    kind: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class KeptKpi:
    """A figure as it was shown: its exact value as text, None where there was none."""

    name: str
    label: str
    value: str | None
    text: str | None
    before: str | None = None
    change: str | None = None
    alert: str = ""

    @property
    def number(self) -> float | None:
        """The value, for whoever plots it; None where it is no number."""
        try:
            return float(Decimal(self.value)) if self.value is not None else None
        except ArithmeticError:
            return None


@dataclass(frozen=True)
class Manifest:
    """What is known of a snapshot.

    `digest` tells its content from others: rows, what they are compared with, the file and its parameters. `rows_digest`
    is of the rows alone.
    """

    asset: str
    title: str
    partition: str | None
    digest: str
    rows_digest: str
    generated_at: str
    data_as_of: str
    rows: int
    code_version: str
    file_sha256: str
    owners: tuple[str, ...]
    compared_with: str
    parameters: Mapping[str, str]
    checks: tuple[Mapping[str, Any], ...]
    alerts: tuple[str, ...]
    unjudged: tuple[str, ...]
    kpis: tuple[KeptKpi, ...]
    files: tuple[KeptFile, ...] = field(default=())
    version: int = _VERSION

    @property
    def moment(self) -> dt.datetime:
        """When it was made."""
        return dt.datetime.fromisoformat(self.generated_at)

    def file(self, kind: str) -> KeptFile | None:
        """Give the file of a kind; None where there is none."""
        return next((file for file in self.files if file.kind == kind), None)

    def write(self, folder: Path) -> None:
        """Write it into a folder that has none."""
        text = json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"
        with LocalFile(folder / MANIFEST) as file:
            file.write(text.encode("utf-8", "backslashreplace"))

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read that of a folder.

        Raises:
            ReportError: It cannot be read.
        """
        path = folder / MANIFEST
        try:
            said = json.loads(path.read_text("utf-8"))
            said["kpis"] = tuple(KeptKpi(**each) for each in said["kpis"])
            said["files"] = tuple(KeptFile(**each) for each in said["files"])
            for name in ("owners", "checks", "alerts", "unjudged"):
                said[name] = tuple(said[name])
            return cls(**said)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ReportError(
                f"{path} cannot be read: {error}.", advice="Remove its folder, or put the file back."
            ) from error


def kept_kpis(report: Report) -> tuple[KeptKpi, ...]:
    """Give a report's figures as a manifest has them."""
    return tuple(
        KeptKpi(
            kpi.name,
            kpi.label,
            None if kpi.value is None else f"{kpi.value:f}" if isinstance(kpi.value, Decimal) else str(kpi.value),
            kpi.text,
            kpi.before,
            str(kpi.delta.share) if kpi.delta else None,
            kpi.alert,
        )
        for kpi in report.kpis
    )
