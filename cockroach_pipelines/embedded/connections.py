"""An embedded database as an ordinary connection."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from cockroach_pipelines.config import DatabaseConfig
from cockroach_pipelines.embedded.progress import Progress
from cockroach_pipelines.embedded.server import EmbeddedServer, Endpoint

# The load of the sample takes its time whatever limits a user sets for his own statements.
_LOAD_TIMEOUT_SECONDS = 3600.0

_lock = threading.Lock()
_servers: dict[Path, EmbeddedServer] = {}
# Where the sample data was seen by this process; a server that was launched anew is asked again.
_loaded: dict[Path, Endpoint] = {}


def embedded_config(config: DatabaseConfig, progress: Progress | None = None) -> DatabaseConfig:
    """Start the database that `config.embedded` describes and give the settings that connect to it.

    The server runs until this process ends, and longer while others use it. Each call makes sure that it still runs,
    within milliseconds. The sample data is loaded when asked for and not there. A configuration without `embedded` is
    given back as it is.

    Args:
        config: A connection of kind `embedded`; its timeouts, pool, names and Java stay as they are.
        progress: Told about the rows of the sample data as they are loaded.

    Raises:
        EmbeddedServerError: The server cannot be started.
        SampleDataError: The sample data cannot be loaded.
        DatabaseError: The connection that loads it failed.
    """
    if config.embedded is None:
        return config
    folder = config.embedded.folder.expanduser().resolve()
    with _lock:
        server = _servers.setdefault(folder, EmbeddedServer(folder))
        endpoint = server.ensure_running()
        connected = _connected(config, endpoint)
        if config.embedded.sample_data and _loaded.get(folder) != endpoint:
            _load_sample_data(connected, progress)
            _loaded[folder] = endpoint
        return connected


def _connected(config: DatabaseConfig, endpoint: Endpoint) -> DatabaseConfig:
    kept = {name: getattr(config, name) for name in config.model_fields_set - {"embedded"}}
    of_server = {
        "host": endpoint.host,
        "port": endpoint.port,
        "database": endpoint.database,
        "user": endpoint.user,
        "password": endpoint.password,
        "sslmode": "disable",
        "dialect": "postgresql",
    }
    return DatabaseConfig(**{**kept, **of_server})


def _load_sample_data(config: DatabaseConfig, progress: Progress | None) -> None:
    # Arrow takes a quarter of a second to import, which a process that needs no sample data should not pay.
    from cockroach_pipelines.database.connection import connect
    from cockroach_pipelines.embedded.sample import load_sample_data

    unhurried = config.model_copy(update={"statement_timeout": None, "socket_timeout": _LOAD_TIMEOUT_SECONDS})
    with connect(unhurried, "embedded") as connection:
        load_sample_data(connection, progress)


def _replace_lock_in_child() -> None:
    global _lock
    _lock = threading.Lock()  # another thread of the parent may have held it


os.register_at_fork(after_in_child=_replace_lock_in_child)
