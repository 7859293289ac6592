"""The locks by which processes share one server, and the watchdog that stops a server whose users were all killed.

Three files in the server's home carry locks of `flock`, which the kernel drops when their holders die:

    gate.lock     exclusive: held while somebody starts, joins, leaves or stops the server
    users.lock    shared: held by every process that uses the server
    server.lock   exclusive: inherited by every process of the server, free when the last of them has ended

So a server that runs is told from one that was killed without a look at process ids, which are recycled, and without
`/proc`, which a root in a container may not read for the processes of other users.

Run as a script this module is the watchdog. It uses the standard library alone, so that it stays small.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import signal
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

WATCHDOG_SECONDS = 1.0
"""How often the watchdog looks for users."""

_POLL_SECONDS = 0.01
_open_locks: weakref.WeakSet[FileLock] = weakref.WeakSet()


class FileLock:
    """A lock on a file, dropped by the kernel when the process dies; one object holds it at most once.

    Args:
        path: The file; its folder must exist. Made by root it belongs to the folder's owner.
        make: Whether to make the file when it is missing.

    A forked child shares no lock with its parent: it starts without any.
    """

    def __init__(self, path: Path, *, make: bool = True) -> None:
        self.path = path
        self._flags = os.O_RDWR | (os.O_CREAT if make else 0)
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def acquire(self, *, shared: bool = False, timeout: float = 0.0) -> bool:
        """Take the lock and give True, or give False when others hold it for `timeout` seconds.

        Raises:
            OSError: The file cannot be opened, or made.
        """
        if self._descriptor is not None:
            raise RuntimeError(f"{self.path} is already locked by this object")
        descriptor = os.open(self.path, self._flags, 0o600)
        _open_locks.add(self)
        self._descriptor = descriptor  # from here on a fork closes it in the child
        try:
            _give_to_owner(descriptor, self.path.parent)
            taken = _poll(lambda: _try_flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX), timeout)
        except BaseException:
            self.release()
            raise
        if not taken:
            self._close()
        return taken

    def release(self) -> None:
        """Let the lock go; nothing happens when it is not held."""
        if self._descriptor is not None:
            # Closing is not enough: a child that was forked meanwhile may hold the same open file.
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
            self._close()

    def hand_over(self) -> None:
        """Forget the lock without letting it go: a child process that inherited `descriptor` holds it from now on."""
        self._close()

    @property
    def descriptor(self) -> int:
        """The open file, to be inherited by a child process."""
        if self._descriptor is None:
            raise RuntimeError(f"{self.path} is not locked")
        return self._descriptor

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> FileLock:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def __del__(self) -> None:
        self._close()


def _try_flock(descriptor: int, operation: int) -> bool:
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _poll(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _give_to_owner(descriptor: int, folder: Path) -> None:
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _close_locks_in_child() -> None:
    for lock in list(_open_locks):
        lock._close()


os.register_at_fork(after_in_child=_close_locks_in_child)


def gate_lock(home: Path, *, make: bool = True) -> FileLock:
    """Give the lock held while somebody starts, joins, leaves or stops the server."""
    return FileLock(home / "gate.lock", make=make)


def users_lock(home: Path, *, make: bool = True) -> FileLock:
    """Give the lock that every user of the server shares."""
    return FileLock(home / "users.lock", make=make)


def server_lock(home: Path, *, make: bool = True) -> FileLock:
    """Give the lock that the processes of the server hold."""
    return FileLock(home / "server.lock", make=make)


def is_free(lock: FileLock) -> bool:
    """Whether nobody holds the lock; only of use while the gate is held."""
    with lock:
        return lock.acquire()


@dataclass(frozen=True)
class Postmaster:
    """What `postmaster.pid` says: process id, port (0 when not yet known) and whether connections are accepted."""

    pid: int
    port: int
    ready: bool


def read_postmaster(home: Path) -> Postmaster | None:
    """Read `postmaster.pid`; None when there is none or it is not yet written in full."""
    try:
        lines = (home / "data" / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return None
    if not lines or not lines[0].strip().isdigit():
        return None
    port = int(lines[3]) if len(lines) > 3 and lines[3].strip().isdigit() else 0
    return Postmaster(int(lines[0]), port, ready=len(lines) > 7 and lines[7].strip() == "ready")


def cluster_name(home: Path) -> str:
    """Give the name that every process of the server bears in its title."""
    return f"embedded_{hashlib.sha256(os.fsencode(home)).hexdigest()[:12]}"


def stop_server(home: Path, seconds: float = 15.0) -> None:
    """Stop the server, at first gently, when one runs; the gate must be held.

    Raises:
        TimeoutError: It outlived SIGKILL.
    """
    if is_free(server_lock(home)):
        return  # and what `postmaster.pid` says may be another process's id by now
    for stop_signal, wait in ((signal.SIGINT, seconds), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
        postmaster = read_postmaster(home)
        if postmaster is None or not _kill(postmaster.pid, stop_signal):
            end_orphans(home)
            return
        if _poll(lambda: is_free(server_lock(home)), wait):
            return
    end_orphans(home)


def end_orphans(home: Path) -> None:
    """End what a killed server left: its processes go by themselves at once, unless a long statement keeps them.

    Raises:
        TimeoutError: They outlived SIGKILL, or cannot be found where there is no `/proc`.
    """
    for stop_signal in (None, signal.SIGTERM, signal.SIGKILL):
        if stop_signal:
            for pid in _processes_titled(f"postgres: {cluster_name(home)}:"):
                _kill(pid, stop_signal)
        if _poll(lambda: is_free(server_lock(home)), 2.0):
            return
    raise TimeoutError(f"processes of the server in {home} do not end")


def _kill(pid: int, stop_signal: signal.Signals) -> bool:
    try:
        os.kill(pid, stop_signal)
    except ProcessLookupError:
        return False
    return True


def _processes_titled(title: str) -> Iterator[int]:
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            if (folder / "cmdline").read_bytes().startswith(title.encode()):
                yield int(folder.name)


def watch(home: Path, pid: int) -> None:
    """Stop the server with the process id `pid` once nobody uses it; return when it is gone."""
    while True:
        time.sleep(WATCHDOG_SECONDS)
        try:
            with gate_lock(home, make=False) as gate:  # nothing is made in a folder that somebody is removing
                if not gate.acquire():
                    continue
                postmaster = read_postmaster(home)
                if postmaster is None or postmaster.pid != pid or is_free(server_lock(home, make=False)):
                    return
                if is_free(users_lock(home, make=False)):
                    stop_server(home)
                    return
        except FileNotFoundError:  # the home was removed; a server without its files ends by itself
            return


if __name__ == "__main__":
    watch(Path(sys.argv[1]), int(sys.argv[2]))
