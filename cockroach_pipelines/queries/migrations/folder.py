"""The migrations of a folder, in the order in which they run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cockroach_pipelines.config.errors import Place
from cockroach_pipelines.database.dialect import Dialect
from cockroach_pipelines.queries.errors import QueryFileError
from cockroach_pipelines.queries.migrations.file import MigrationFile, read_migration
from cockroach_pipelines.queries.migrations.flyway_settings import ENDING


@dataclass(frozen=True)
class MigrationSet:
    """What a folder holds for one database: versioned files in the order of their versions, then repeatable ones.

    `problems` are those of files that cannot be used; they hide no other.
    """

    versioned: tuple[MigrationFile, ...]
    repeatable: tuple[MigrationFile, ...]
    problems: tuple[QueryFileError, ...]

    @property
    def unreadable(self) -> tuple[QueryFileError, ...]:
        """What is wrong with files whose text cannot be cut into statements."""
        found = []
        for file in self.files:
            try:
                _ = file.statements
            except QueryFileError as error:
                found.append(error)
        return tuple(found)

    @property
    def files(self) -> tuple[MigrationFile, ...]:
        """All in the order in which they run."""
        return (*self.versioned, *self.repeatable)


class MigrationFolder:
    """A folder of migrations, its subfolders included, as Flyway takes it.

    Args:
        path: The folder.

    Raises:
        QueryFileError: It does not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_dir():
            raise QueryFileError(
                "This is no folder." if path.exists() else "This folder does not exist.",
                place=Place(path),
                advice="Write its first file, such as V1__first_tables.sql, or set `migrations` in the configuration.",
            )

    def for_dialect(self, dialect: Dialect) -> MigrationSet:
        """Give what runs on a database: a file of that dialect comes before the one for every database."""
        files, problems = self._read
        chosen = [file for file in files if file.dialect in (None, dialect)]
        own = {_identity(file) for file in chosen if file.dialect is dialect}
        chosen = [file for file in chosen if file.dialect is dialect or _identity(file) not in own]
        versioned, doubled_versions = _distinct(sorted((file for file in chosen if file.version), key=_order))
        repeatable, doubled_names = _distinct(
            sorted((file for file in chosen if not file.version), key=lambda file: file.description)
        )
        return MigrationSet(versioned, repeatable, (*problems, *doubled_versions, *doubled_names))

    @cached_property
    def _read(self) -> tuple[list[MigrationFile], list[QueryFileError]]:
        files: list[MigrationFile] = []
        problems: list[QueryFileError] = []
        for path in self._visible("*.[sS][qQ][lL]"):
            try:
                files.append(read_migration(path, self.path))
            except QueryFileError as error:
                problems.append(error)
        problems += [
            QueryFileError(
                "These settings have no migration beside them.", place=Place(path), advice="Remove the file."
            )
            for path in self._visible(f"*.[sS][qQ][lL]{ENDING}")
            if not path.with_suffix("").exists()
        ]
        return files, problems

    def _visible(self, pattern: str) -> list[Path]:
        found = sorted(self.path.rglob(pattern))
        return [path for path in found if not any(p.startswith(".") for p in path.relative_to(self.path).parts)]


def _order(file: MigrationFile) -> tuple[int, ...]:
    return file.version.parts if file.version else ()


def _identity(file: MigrationFile) -> object:
    return file.version or file.description


def _distinct(files: Iterable[MigrationFile]) -> tuple[tuple[MigrationFile, ...], list[QueryFileError]]:
    first: dict[object, MigrationFile] = {}
    problems = []
    for file in files:
        other = first.setdefault(_identity(file), file)
        if other is not file:
            problems.append(
                QueryFileError(
                    f"This is {file.name} a second time: {other.script} is the first.",
                    place=file.place,
                    advice="Give the newer of them another number." if file.version else "Rename one of them.",
                )
            )
    return tuple(first.values()), problems
