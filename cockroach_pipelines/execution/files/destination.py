"""Where a file goes: a local path, or a URL of any file system that fsspec knows."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias
from urllib.parse import urlsplit

import fsspec
from fsspec.registry import known_implementations
from upath import UPath

from cockroach_pipelines.config import ConfigurationError
from cockroach_pipelines.config.file_errors import remote_error, writing
from cockroach_pipelines.config.suggestions import did_you_mean
from cockroach_pipelines.execution.files.folders import synchronise_folder
from cockroach_pipelines.execution.files.sink import LocalFile, Sink
from cockroach_pipelines.execution.files.staging import staging
from cockroach_pipelines.execution.files.upload import Upload

AnyPlace: TypeAlias = "str | os.PathLike[str] | UPath | Destination"
"""How a destination can be given: a path, a URL, or a `UPath` with its storage options."""

_LOCAL = frozenset({"file", "local"})
_PACKAGES = {"abfss": "adlfs"}
_COPY_BYTES = 1 << 22


class PendingFile(Sink, Protocol):
    """A file that nobody sees before it is published, and nobody ever when it is not."""

    @property
    def size(self) -> int:
        """Bytes, once it is published."""

    def publish(self) -> None:
        """Make it appear in one step, in the place of what was there.

        Raises:
            FileWriteError: It cannot appear; what was there before stays.
        """


@dataclass(frozen=True)
class Destination:
    """A place for a file.

    Attributes:
        name: For people: the path, or the URL without what may be secret in it.
        path: The local path, None for a URL.
    """

    name: str
    path: Path | None
    _url: str = field(default="", repr=False)
    _options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, given: AnyPlace) -> Destination:
        """Read a path, a URL, or a `UPath`, whose storage options count.

        Raises:
            ConfigurationError: The URL's file system is unknown, or needs a package that is not installed; or a folder
                is named.
        """
        if isinstance(given, Destination):
            return given
        text, options = str(given), dict(getattr(given, "storage_options", {}))
        protocol, separator, rest = text.partition("://")
        if not separator or protocol in _LOCAL:
            path = Path(rest if separator else text).expanduser()
            if path.is_dir() or text.endswith("/"):
                raise ConfigurationError(f"{path} is a folder.", advice="Name a file.")
            return cls(str(path), path)
        name = _without_secrets(text)
        if text.endswith("/"):
            raise ConfigurationError(f"{name} is a folder.", advice="Name a file.")
        _require_backend(protocol, name)
        return cls(name, None, text, options)

    @contextlib.contextmanager
    def pending(self) -> Iterator[PendingFile]:
        """Begin a file that may be published; what is not published by the end of the block is discarded.

        Raises:
            FileWriteError: It cannot be begun.
        """
        if self.path is not None:
            with staging(self.path.parent) as folder:
                local = _PendingLocalFile(folder / self.path.name, self.path)
                try:
                    yield local
                finally:
                    local.discard()
            return
        with contextlib.closing(self._upload()) as upload:
            yield upload

    def put(self, source: Path) -> None:
        """Move a local file here in one step; a reader sees the old file or the new one, never a part.

        Raises:
            FileWriteError: It cannot appear here; what was here before stays.
        """
        if self.path is not None and _moved(source, self.path):
            return
        with self.pending() as file:
            with source.open("rb") as content:
                while data := content.read(_COPY_BYTES):
                    file.write(data)
            file.publish()
        source.unlink()

    def _upload(self) -> Upload:
        try:
            system, path = fsspec.url_to_fs(self._url, skip_instance_cache=True, **self._options)
        except Exception as error:  # each file system has exceptions of its own
            raise remote_error(self.name, error) from error
        return Upload(self.name, system, path)


class _PendingLocalFile(LocalFile):
    """A local file in a staging folder of its destination's folder."""

    def __init__(self, path: Path, destination: Path) -> None:
        super().__init__(path)
        self.size = 0
        self._destination = destination

    def publish(self) -> None:
        self.close()
        self.size = self.path.stat().st_size
        _moved(self.path, self._destination)


def _moved(source: Path, destination: Path) -> bool:
    """Rename a file, the folder being made; gives False where it stands on another file system."""
    with writing(destination):
        destination.parent.mkdir(parents=True, exist_ok=True)
        try:
            source.replace(destination)
        except OSError as error:
            if error.errno == errno.EXDEV:
                return False
            raise
    synchronise_folder(destination.parent)
    return True


def _require_backend(protocol: str, name: str) -> None:
    try:
        fsspec.get_filesystem_class(protocol)
    except ImportError as error:
        implementation = str(known_implementations[protocol]["class"])
        package = implementation.partition(".")[0]
        advice = f"Install it beside this one: pip install {package}" if package != "fsspec" else ""
        raise ConfigurationError(f"{name} needs a package that is not installed: {error}.", advice=advice) from error
    except ValueError as error:
        if package := _PACKAGES.get(protocol, ""):
            raise ConfigurationError(
                f"{name} needs a package that is not installed: {package}.",
                advice=f"Install it beside this one: pip install {package}",
            ) from error
        raise ConfigurationError(
            f"{name}: {protocol!r} is no file system that fsspec knows.",
            advice=did_you_mean(protocol, known_implementations),
        ) from error


def _without_secrets(url: str) -> str:
    """Give a URL without a password in its address and without its query, which may hold a token."""
    parts = urlsplit(url)
    address = parts.netloc.rpartition("@")[2] if ":" in parts.netloc.rpartition("@")[0] else parts.netloc
    return f"{parts.scheme}://{address}{parts.path}"
