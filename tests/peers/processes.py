"""Folders, ports and processes of servers that live as long as a test session."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.peers.debian import program


@contextmanager
def readable_folder(name: str) -> Iterator[Path]:
    """Lend a folder that servers under other users can reach, which pytest's own cannot be."""
    folder = Path(tempfile.mkdtemp(prefix=f"cockroach-pipelines-{name}-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """Give a port of loopback that is free for TCP and UDP."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port = int(tcp.getsockname()[1])
            try:
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def start_server(
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str],
    ready: Callable[[], bool],
    user: int | None = None,
    group: int | None = None,
    seconds: float = 90,
) -> subprocess.Popen[bytes]:
    """Start a server that ends with this process, however this process ends, and wait until it is ready.

    Raises:
        RuntimeError: It ended instead, with what it wrote to its log.
        TimeoutError: It was not ready in time.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            [program("setpriv", "util-linux"), "--pdeathsig", "INT", *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(env),
            cwd=log.parent,
            start_new_session=True,
            user=user,
            group=group,
            extra_groups=None if user is None else [],
        )
    try:
        deadline = time.monotonic() + seconds
        while not ready():
            if process.poll() is not None:
                raise RuntimeError(f"{command[0]} ended with {process.returncode}:\n{log.read_text()[-2000:]}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"{command[0]} was not ready within {seconds:g} s:\n{log.read_text()[-2000:]}")
            time.sleep(0.02)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return process


def stop_server(process: subprocess.Popen[bytes], signal: int, seconds: float = 15) -> None:
    """End a server by a signal, by SIGKILL when that does not do."""
    if process.poll() is None:
        process.send_signal(signal)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def accepts(port: int) -> bool:
    """Whether something listens on that port of loopback."""
    try:
        with socket.create_connection(("127.0.0.1", port), 0.2):
            return True
    except OSError:
        return False


def run(command: Sequence[str], *, env: Mapping[str, str], user: int | None = None, group: int | None = None) -> str:
    """Run a program to its end and give what it printed.

    Raises:
        RuntimeError: It failed, with what it printed.
    """
    done = subprocess.run(
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=dict(env),
        cwd="/",
        user=user,
        group=group,
        extra_groups=None if user is None else [],
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def inherited(**changes: str) -> dict[str, str]:
    """Give this process's environment with changes, in the language that the tests read."""
    return {**os.environ, "LC_ALL": "C", **changes}
