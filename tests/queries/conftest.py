from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from cockroach_pipelines.queries import BrokenQuery, Query, SQLRepository

Write = Callable[[str, str], Path]
Load = Callable[[str], Query | BrokenQuery]


@pytest.fixture
def sql_folder(tmp_path: Path) -> Path:
    (tmp_path / "sql" / "queries").mkdir(parents=True)
    return tmp_path / "sql"


@pytest.fixture
def write(sql_folder: Path) -> Write:
    """Write a file below queries/, indentation removed."""

    def write(path: str, text: str) -> Path:
        file = sql_folder / "queries" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text).lstrip("\n"), encoding="utf-8", newline="")
        return file

    return write


@pytest.fixture
def load(sql_folder: Path, write: Write) -> Load:
    """Load one report of a text, as the repository does."""

    def load(text: str) -> Query | BrokenQuery:
        write("reporting/report.sql", text)
        repository = SQLRepository(sql_folder)
        return {**repository.queries, **repository.broken}["reporting/report"]

    return load
