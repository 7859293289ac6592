"""A PostgreSQL cluster in a folder: made, started and given its password; who shares it is the concern of `server`."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from cockroach_pipelines.embedded.errors import EmbeddedServerError, server_failure
from cockroach_pipelines.embedded.home import Home
from cockroach_pipelines.embedded.installation import MAJOR_VERSION
from cockroach_pipelines.embedded.sharing import (
    FileLock,
    Postmaster,
    cluster_name,
    end_orphans,
    is_free,
    read_postmaster,
    server_lock,
)

HOST = "127.0.0.1"
DATABASE = "defaultdb"
ROLE = "dev"

START_SECONDS = 60.0
"""How long a server may take to accept connections, recovery after a crash included."""

_PORT_ATTEMPTS = 5
_LOG_LIMIT = 10_000_000
_POLL_SECONDS = 0.02
_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "shared_buffers": "128MB",
    "max_connections": "100",
    # Files in place of /dev/shm, which containers limit to 64 MB.
    "dynamic_shared_memory_type": "mmap",
    "io_method": "sync",
    # Nobody replicates from here: a table filled in the transaction that made it then needs no write-ahead log.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "1GB",
    # A crash of the machine may lose the last moments, and never the consistency.
    "synchronous_commit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "logging_collector": "off",
}


class Cluster:
    """The files of one server and the programs that work on them; every method wants the gate to be held.

    Args:
        home: Where it lives, as whom and with which programs it runs.
    """

    def __init__(self, home: Home) -> None:
        self.home = home
        self.folder = home.folder
        self.data = home.folder / "data"
        self.log = home.folder / "server.log"
        self._password_file = home.folder / "password"

    def prepare(self) -> None:
        """Make the cluster unless there is one, and see that its password is known; the server must not run.

        Raises:
            EmbeddedServerError: It cannot be made, or is another PostgreSQL's.
            OSError: The folder cannot be written.
        """
        version = self.data / "PG_VERSION"
        if not version.is_file():
            self._make()
        elif (found := version.read_text().strip()) != str(MAJOR_VERSION):
            raise EmbeddedServerError(
                f"{self.folder} holds a cluster of PostgreSQL {found}, and this project runs {MAJOR_VERSION}.",
                advice="Set embedded.folder to a new folder, or remove this one when its data may be lost.",
            )
        elif not self.password():
            self._set_password()

    def password(self) -> str:
        """Read the password of the role `dev`, empty when it is lost."""
        try:
            return self._password_file.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return ""

    def launch(self) -> tuple[Postmaster, subprocess.Popen[bytes]]:
        """Start the server and wait until it accepts connections.

        Raises:
            EmbeddedServerError: It does not start; the end of its log is in the message.
            OSError: The folder cannot be written.
        """
        stale = read_postmaster(self.folder)
        self._clear_the_way(stale)
        self._limit_log()
        begin = 0
        for attempt in range(_PORT_ATTEMPTS):
            # After a crash the same port, so that those who were connected find it again.
            port = stale.port if stale and stale.port and attempt == 0 else _free_port()
            begin = self.log.stat().st_size if self.log.exists() else 0
            process = self._spawn(port)
            try:
                postmaster = self._await_ready(process, begin)
            except BaseException:
                process.kill()
                process.wait()
                raise
            if postmaster:
                return postmaster, process
            if "Address already in use" not in self._log_from(begin):
                break
        raise server_failure(f"The embedded database in {self.folder} did not start", self._log_from(begin))

    def await_joinable(self) -> Postmaster | None:
        """Wait until the server that runs accepts connections; None when it has ended meanwhile.

        Raises:
            EmbeddedServerError: It neither answers nor ends.
        """
        deadline = time.monotonic() + START_SECONDS
        while not is_free(server_lock(self.folder)):
            postmaster = read_postmaster(self.folder)
            if postmaster and postmaster.ready and _accepts(postmaster.port):
                return postmaster
            if postmaster and (postmaster.ready or not _exists(postmaster.pid)):
                self._end_orphans()  # the file is a killed server's, whatever its process id is now
            if time.monotonic() > deadline:
                raise server_failure(
                    f"The embedded database in {self.folder} runs and does not answer", self._log_from(0)
                )
            time.sleep(_POLL_SECONDS)
        return None

    def _end_orphans(self) -> None:
        try:
            end_orphans(self.folder)
        except TimeoutError as error:
            raise EmbeddedServerError(
                f"The embedded database in {self.folder} was killed, and some of its processes do not end.",
                advice="End the processes named postgres that use the folder by hand.",
            ) from error

    def _make(self) -> None:
        partial = self.folder / "data.tmp"
        shutil.rmtree(partial, ignore_errors=True)
        if self.data.is_dir() and any(self.data.iterdir()):
            raise EmbeddedServerError(
                f"{self.data} is not empty and holds no cluster of PostgreSQL.",
                advice="Set embedded.folder to a new folder, or remove this one when nothing in it is needed.",
            )
        password = secrets.token_urlsafe(24)
        self._write_private(self._password_file, password)
        options = {
            "pgdata": str(partial),
            "username": ROLE,
            "pwfile": str(self._password_file),
            "auth": "scram-sha-256",
            "encoding": "UTF8",
            "locale-provider": "builtin",
            "builtin-locale": "C.UTF-8",
            "locale": "C",
        }
        command = [str(self.home.installation.initdb), *(f"--{name}={value}" for name, value in options.items())]
        self._run([*command, "--no-sync", "--no-instructions"], "The embedded database could not be made")
        self._run_single(partial, f"CREATE DATABASE {DATABASE}", "fsync=off")
        partial.rename(self.data)  # whoever sees `data` sees a whole cluster

    def _set_password(self) -> None:
        password = secrets.token_urlsafe(24)
        self._run_single(self.data, f"ALTER ROLE {ROLE} PASSWORD '{password}'")
        self._write_private(self._password_file, password)

    def _clear_the_way(self, stale: Postmaster | None) -> None:
        """Remove the `postmaster.pid` of a killed server whose process id now is another process's."""
        if stale is None or not _exists(stale.pid):
            return  # PostgreSQL mends that by itself
        with contextlib.suppress(OSError):
            arguments = Path(f"/proc/{stale.pid}/cmdline").read_bytes().split(b"\0")
            if Path(os.fsdecode(arguments[0])).name == "postgres" and os.fsencode(self.data) in arguments:
                raise EmbeddedServerError(
                    f"Somebody else started a PostgreSQL (process {stale.pid}) on {self.data}.",
                    advice="Stop it first: this project joins only servers that it started.",
                )
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _spawn(self, port: int) -> subprocess.Popen[bytes]:
        options = {"port": str(port), "cluster_name": cluster_name(self.folder), **_SETTINGS}
        command = [str(self.home.installation.postgres), "-D", str(self.data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with self._lock_for_child() as lock, self._open_log() as log:
            process = subprocess.Popen(
                self.home.account.command(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(),
                cwd="/",
                start_new_session=True,  # an interrupt from the terminal is not for the server
                pass_fds=[lock.descriptor],
            )
            lock.hand_over()
        return process

    def _await_ready(self, process: subprocess.Popen[bytes], begin: int) -> Postmaster | None:
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None:
            postmaster = read_postmaster(self.folder)
            if postmaster and postmaster.pid == process.pid and postmaster.ready:
                return postmaster
            if time.monotonic() > deadline:
                raise server_failure(
                    f"The embedded database in {self.folder} was not ready after {START_SECONDS:.0f} s",
                    self._log_from(begin),
                )
            time.sleep(_POLL_SECONDS)
        return None

    def _run_single(self, data: Path, statement: str, *settings: str) -> None:
        command = [str(self.home.installation.postgres), "--single", "-D", str(data), "-c", "exit_on_error=on"]
        for setting in settings:
            command += ["-c", setting]
        self._run([*command, "template1"], "The embedded database could not be set up", statement)

    def _run(self, command: list[str], failure: str, statement: str | None = None) -> None:
        with self._lock_for_child() as lock:  # a program outlives its killed starter, and may write on for a moment
            done = subprocess.run(
                self.home.account.command(command),
                input=statement or "",
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env=_environment(),
                cwd="/",
                check=False,
                pass_fds=[lock.descriptor],
            )
        if done.returncode != 0:
            raise server_failure(f"{failure} in {self.folder}", done.stdout)

    def _write_private(self, path: Path, text: str) -> None:
        partial = path.with_name(f".{path.name}.new")
        partial.unlink(missing_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(f"{text}\n")
            self._give(file.fileno())
        partial.replace(path)

    @contextlib.contextmanager
    def _lock_for_child(self) -> Iterator[FileLock]:
        with server_lock(self.folder) as lock:
            if not lock.acquire():
                raise EmbeddedServerError(
                    f"Processes of an earlier server still use {self.data}.", advice="Wait a moment and start again."
                )
            yield lock

    @contextlib.contextmanager
    def _open_log(self) -> Iterator[int]:
        descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._give(descriptor)
            yield descriptor
        finally:
            os.close(descriptor)

    def _limit_log(self) -> None:
        if self.log.exists() and self.log.stat().st_size > _LOG_LIMIT:
            self.log.replace(self.log.with_name("server.log.1"))

    def _log_from(self, offset: int) -> str:
        try:
            with self.log.open("rb") as log:
                log.seek(max(offset, self.log.stat().st_size - 16_384))
                return log.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def _give(self, descriptor: int) -> None:
        if not self.home.account.is_own:
            os.fchown(descriptor, self.home.account.uid, self.home.account.gid)


def _environment() -> dict[str, str]:
    # Nothing of the user's own: PGDATA, PGPORT or a locale would have their say.
    return {"LC_ALL": "C", "PATH": os.defpath, "TZ": "UTC"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), 1.0):
            return True
    except OSError:
        return False


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
