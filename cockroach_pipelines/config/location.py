"""Which file holds the configuration, and its text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cockroach_pipelines.config.environment import FILE_VARIABLE, file_variable, variable_name
from cockroach_pipelines.config.errors import ConfigurationError, Place
from cockroach_pipelines.config.schema import ANY_NAME
from cockroach_pipelines.config.suggestions import nearest
from cockroach_pipelines.config.yaml_places import line_and_column

DEFAULT_FILE = Path("config.yaml")
_MOST_BYTES = 1 << 20
_NO_FILE = "there is no such file"


@dataclass(frozen=True)
class Location:
    """The configuration file, whether it was asked for, and what led to it.

    Args:
        path: As it was given; `config.yaml`, in the current folder, when nothing was.
        asked_for: Whether somebody named it, so that it has to exist.
        passed_over: What was looked at before, one line each.
    """

    path: Path
    asked_for: bool
    passed_over: tuple[str, ...]

    def read(self) -> str | None:
        """Give the file's text; None when it is the default one and does not exist.

        Raises:
            ConfigurationError: It was asked for and does not exist, it cannot be read, or it is not UTF-8.
        """
        failure: OSError | None = None
        try:
            with self.path.open("rb") as file:
                content = file.read(_MOST_BYTES + 1)
        except FileNotFoundError:
            if self.asked_for:
                raise self.nothing_found() from None
            return None
        except OSError as error:
            failure = error
        if failure is not None:
            raise ConfigurationError(
                f"the configuration cannot be read: {failure.strerror}",
                place=Place(self.path),
                advice="It must be a file that this user may read.",
            )
        if len(content) > _MOST_BYTES:
            raise ConfigurationError(
                "the configuration is larger than 1 MiB", place=Place(self.path), advice="Is it the right file?"
            )
        return _decoded(content, self.path)

    def nothing_found(self) -> ConfigurationError:
        """Give the error that lists every place that was tried, in order."""
        tried = list(self.passed_over)
        if self.asked_for:
            tried[-1] = f"{tried[-1]}: {_NO_FILE}"
        else:
            tried.append(f"{self.path.absolute()}: {_NO_FILE}")
            tried.append(f"the variables {variable_name(('connections', ANY_NAME, 'host'))} and the like: none is set")
        listed = "\n".join(f"  {number}. {line}" for number, line in enumerate(tried, start=1))
        return ConfigurationError(f"No configuration was found. Tried, in this order:\n{listed}", advice=self._advice())

    def _advice(self) -> str:
        folder = self.path.absolute().parent
        beside = [each.name for each in folder.glob("*.y*ml")] if folder.is_dir() else []
        close = nearest(self.path.name, beside, likeness=0.8)
        start = f"Did you mean {str(self.path.with_name(close))!r}? Else create" if close else "Create"
        host, user = (variable_name(("connections", "main", key)) for key in ("host", "user"))
        return (
            f"{start} {self.path} with `connections: {{main: {{embedded: {{}}}}}}`, "
            f"name another file in {FILE_VARIABLE}, or set {host} and {user}."
        )


def locate(path: Path | None, environ: Mapping[str, str]) -> Location:
    """Give the file to read: the path, else the one that the environment names, else `config.yaml`."""
    passed_over: tuple[str, ...] = ()
    if path is not None:
        return Location(Path(path).expanduser(), asked_for=True, passed_over=(f"the path that was given, {path}",))
    passed_over = ("a path: none was given",)
    named = file_variable(environ)
    if named:
        return Location(
            Path(named).expanduser(), asked_for=True, passed_over=(*passed_over, f"{FILE_VARIABLE}, {named}")
        )
    return Location(DEFAULT_FILE, asked_for=False, passed_over=(*passed_over, f"{FILE_VARIABLE}: not set"))


def _decoded(content: bytes, path: Path) -> str:
    wrong_at = -1
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        wrong_at = error.start
    before = content[:wrong_at].decode("utf-8-sig", errors="replace")
    line, column = line_and_column(before, len(before))
    raise ConfigurationError(
        f"the byte 0x{content[wrong_at]:02X} is not UTF-8",
        place=Place(path, line, column),
        advice="Save the file as UTF-8.",
    )
