"""A sensor that sees SQL files that are new, changed or gone since this code location was loaded."""

import hashlib
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from cockroach_pipelines.config import ConfigManager, PipelinesError
from cockroach_pipelines.queries.loading import SQLRepository, sql_files

CHANGED_SQL_FILES = "changed_sql_files"
"""Name of the sensor."""

_EVERY_SECONDS = 15
_LONGEST_LOAD_SECONDS = 30.0
_NAMES_SHOWN = 20

_ADVICE = "Correct webserver_url: it is the address of `dg dev` or dagster-webserver, such as http://localhost:3000."

_RELOAD = """
mutation($location: String!) {
    reloadRepositoryLocation(repositoryLocationName: $location) {
        __typename
        ... on WorkspaceLocationEntry { locationOrLoadError { __typename ... on PythonError { message } } }
        ... on RepositoryLocationNotFound { message }
        ... on ReloadNotSupported { message }
        ... on UnauthorizedError { message }
        ... on PythonError { message }
    }
}
"""


@dataclass(frozen=True)
class FolderState:
    """The files that definitions are made of, each with when it was written and its size."""

    files: Mapping[str, tuple[int, int]]

    @classmethod
    def of(cls, config: ConfigManager) -> "FolderState":
        """Look at the SQL folder and the configuration file as they are now; nothing is read."""
        folder = config.settings.sql_folder / "queries"
        files = {str(path.relative_to(folder)): path for path in sql_files(folder)}
        if config.path:
            files[config.path.name] = config.path
        return cls({name: state for name, path in files.items() if (state := _state(path))})

    def changes(self, since: "FolderState") -> Iterator[str]:
        """Give each file that is not as it was, and what has become of it."""
        for name in sorted(self.files.keys() | since.files.keys()):
            if name not in since.files:
                yield f"{name} (new)"
            elif name not in self.files:
                yield f"{name} (gone)"
            elif self.files[name] != since.files[name]:
                yield f"{name} (changed)"

    @property
    def digest(self) -> str:
        """A short text that is another one for any other state."""
        return hashlib.sha256(json.dumps(sorted(self.files.items())).encode()).hexdigest()[:16]


def changed_files_sensor(config: ConfigManager, loaded: FolderState) -> dg.SensorDefinition:
    """Give the sensor, running from the start.

    With `webserver_url` it has the files loaded by itself, once for each state of the folder, unless the configuration
    cannot be used any more: then the location would be lost with all that runs by itself in it. Without, it says what to click.

    Args:
        config: The configuration that was loaded.
        loaded: The files as they were before they were read.
    """
    webserver = config.settings.webserver_url

    @dg.sensor(
        name=CHANGED_SQL_FILES,
        minimum_interval_seconds=_EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="SQL files that are new, changed or gone since they were loaded.",
    )
    def tick(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        now = FolderState.of(config)
        changes = list(now.changes(since=loaded))
        if not changes:
            return dg.SkipReason(f"All {len(now.files)} files are as they were loaded.")
        found = _told(changes)
        if webserver is None:
            return dg.SkipReason(
                f"{found} Click Deployment > Code locations > Reload; with webserver_url in the configuration this sensor does."
            )
        if context.cursor == now.digest:
            return dg.SkipReason(f"{found} {webserver} was asked to load them.")
        try:
            problem = _unusable(config) or _reload(webserver, _location(context))
            outcome = "has loaded them"
        except TimeoutError:
            problem, outcome = "", "was asked to load them, and is at it"
        if problem:
            raise dg.Failure(f"{found} They were not loaded: {problem}", allow_retries=False)
        return dg.SensorResult(skip_reason=f"{found} {webserver} {outcome}.", cursor=now.digest)

    return tick


def _state(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:  # it went while it was looked at, or is a link to nowhere
        return None
    return status.st_mtime_ns, status.st_size


def _told(changes: list[str]) -> str:
    more = f" and {len(changes) - _NAMES_SHOWN} more" if len(changes) > _NAMES_SHOWN else ""
    number = f"{len(changes)} files are" if len(changes) > 1 else "1 file is"
    return f"{number} not as loaded: {', '.join(changes[:_NAMES_SHOWN])}{more}."


def _location(context: dg.SensorEvaluationContext) -> str:
    origin = context.code_location_origin
    return origin.location_name if origin else ""


def _unusable(config: ConfigManager) -> str:
    try:
        folder = ConfigManager.load(config.path).settings.sql_folder
        repository = SQLRepository(folder)
    except PipelinesError as error:
        return str(error)
    return "" if any(sql_files(repository.queries_folder)) else f"There is no .sql file below {folder}."


def _reload(webserver: str, location: str) -> str:
    """Have the webserver load a code location anew; gives what went wrong, nothing where nothing did.

    Raises:
        TimeoutError: It has not answered yet.
    """
    request = urllib.request.Request(  # noqa: S310 - the settings let web addresses pass alone
        f"{webserver}/graphql",
        json.dumps({"query": _RELOAD, "variables": {"location": location}}).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=_LONGEST_LOAD_SECONDS) as answer:  # noqa: S310 - as above
            said: Any = json.load(answer)
    except TimeoutError:  # while the answer is read
        raise
    except urllib.error.HTTPError as error:
        with error:
            return f"{webserver} answered {error.code} {error.reason}.\n{_ADVICE}"
    except (OSError, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        return f"{webserver} cannot be asked: {reason}.\n{_ADVICE}"
    if errors := said.get("errors"):
        return str(errors[0].get("message", errors))
    result = said["data"]["reloadRepositoryLocation"]
    if result["__typename"] != "WorkspaceLocationEntry":
        return str(result.get("message", result["__typename"]))
    entry = result["locationOrLoadError"] or {}
    return str(entry["message"]) if entry.get("__typename") == "PythonError" else ""
