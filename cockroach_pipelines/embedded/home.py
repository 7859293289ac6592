"""Where the embedded database lives, and as which user it runs."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import pwd
import shutil
import stat
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cockroach_pipelines.embedded.errors import EmbeddedServerError, explained
from cockroach_pipelines.embedded.installation import Installation, installed_postgresql
from cockroach_pipelines.embedded.sharing import is_free, server_lock

SHARED_FOLDERS = (Path("/var/lib/cockroach_pipelines"), Path("/var/tmp/cockroach_pipelines"))  # noqa: S108 - checked before use
"""Where root keeps what its unprivileged user cannot reach elsewhere; the first that can be used.

Not `/tmp`, and `/var/tmp` only at need: cleaners remove single files there by their age, which destroys a cluster.
"""

_POINTER = "location"
# The first things made in a folder; a folder that has things, and none of these, is not ours to change.
_OWN_NAMES = {"gate.lock", _POINTER}
_UNPRIVILEGED = ("nobody", "daemon")
_BECOME = """
import os, sys
uid, gid, *command = sys.argv[1:]
os.setgroups([])
os.setgid(int(gid))
os.setuid(int(uid))
os.execv(command[0], command)
"""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Account:
    """A user to run programs as."""

    name: str
    uid: int
    gid: int

    @property
    def is_own(self) -> bool:
        """Whether this process runs as that user already."""
        return self.uid == os.geteuid()

    def command(self, command: Sequence[str]) -> list[str]:
        """Give the command that runs another one as that user.

        Not the `user` of `subprocess.Popen`, which forks: where gRPC runs in this process, as in Dagster's code servers,
        the fork runs its handlers, and some of them crash the child.
        """
        if self.is_own:
            return list(command)
        return [sys.executable, "-I", "-S", "-c", _BECOME, str(self.uid), str(self.gid), *command]


@dataclass(frozen=True)
class Home:
    """The folder with the server's files, the user it runs as and the programs that this user can reach."""

    folder: Path
    account: Account
    installation: Installation


def find_home(folder: Path) -> Home:
    """Make the folder ready for a server, elsewhere if it must be.

    PostgreSQL refuses to run as root. Started by root, the server runs as the user who owns the folder, or the nearest
    folder above it; as `nobody` where that is root. When this user cannot reach the folder (below `/root`, say), the
    files are kept below `SHARED_FOLDERS` and a file `location` in the folder says where. When it cannot reach the
    virtual environment, the programs are copied there too. Folders above that exist keep their owners and modes.

    Raises:
        EmbeddedServerError: The folder cannot be made or used, holds other things, or belongs to somebody else.
    """
    with explained(folder):
        folder = folder.expanduser().resolve()
        _refuse_what_is_not_ours(folder)
        account = _account(folder)
        _make_private(folder, account)
        if account.is_own:
            return Home(folder, account, installed_postgresql())
        return _home_for_another_user(folder, account)


def _refuse_what_is_not_ours(folder: Path) -> None:
    try:
        found = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    except FileNotFoundError:
        return
    if found and not found & _OWN_NAMES:
        raise EmbeddedServerError(
            f"{folder} holds other things, such as {min(found)}: the embedded database needs a folder of its own.",
            advice="Set embedded.folder to a new or empty folder.",
        )
    owner = folder.stat().st_uid
    if os.geteuid() not in (0, owner):
        raise EmbeddedServerError(
            f"{folder} belongs to {_user_name(owner)}, and this process runs as {_user_name(os.geteuid())}.",
            advice="Start as the user who made it, or set embedded.folder to another folder.",
        )


def _account(folder: Path) -> Account:
    if os.geteuid() != 0:
        return Account(_user_name(os.geteuid()), os.geteuid(), os.getegid())
    data = folder / "data"
    owner = next(path for path in (data, folder, *folder.parents) if path.exists()).stat()
    if owner.st_uid != 0:
        if data.exists():
            return Account(_user_name(owner.st_uid), owner.st_uid, owner.st_gid)
        with contextlib.suppress(KeyError):  # initdb wants a user with a name
            return Account(pwd.getpwuid(owner.st_uid).pw_name, owner.st_uid, owner.st_gid)
    for name in _UNPRIVILEGED:
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            return Account(name, user.pw_uid, user.pw_gid)
    raise EmbeddedServerError(
        f"PostgreSQL refuses to run as root, and there is no user {' or '.join(_UNPRIVILEGED)} to run it as.",
        advice="Start as an ordinary user, or add one of these users.",
    )


def _make_private(folder: Path, account: Account) -> None:
    missing = [path for path in folder.parents if not path.exists()]
    for parent in reversed(missing):
        parent.mkdir(exist_ok=True)
        if not account.is_own:
            parent.chmod(0o755)  # a umask of root's must not hide the folder from the server's user
    folder.mkdir(mode=0o700, exist_ok=True)
    _own(folder, account)


def _own(folder: Path, account: Account) -> None:
    folder.chmod(0o700)
    if not account.is_own:
        try:
            os.chown(folder, account.uid, account.gid)
        except OSError as error:
            raise EmbeddedServerError(
                f"PostgreSQL refuses to run as root, and this root may not give {folder} to {account.name}: {error.strerror}.",
                advice="Start as an ordinary user; a root of a user namespace needs that user mapped.",
            ) from error


def _home_for_another_user(folder: Path, account: Account) -> Home:
    installation = installed_postgresql()
    if not _runs(installation, account):
        installation = installation.copy_below(_shared_folder(account))
        if not _runs(installation, account):
            raise EmbeddedServerError(
                f"The user {account.name} cannot run PostgreSQL, neither as installed nor in {installation.site}.",
                advice="Start as an ordinary user, or keep the virtual environment where every user can read it.",
            )
    if _reaches(folder, account):
        return Home(folder, account, installation)
    return Home(_distant_folder(folder, account), account, installation)


def _distant_folder(folder: Path, account: Account) -> Path:
    pointer = folder / _POINTER
    if pointer.is_file() and (place := Path(pointer.read_text(encoding="utf-8").strip())).is_dir():
        return place
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    place = _shared_folder(account) / f"{folder.name}-{name}"
    if place.is_dir() and is_free(server_lock(place)):
        shutil.rmtree(place)  # its folder was removed meanwhile, and the cluster with it as far as the user knows
    place.mkdir(mode=0o700, exist_ok=True)
    _own(place, account)
    pointer.write_text(f"{place}\n", encoding="utf-8")
    _logger.warning("The user %s cannot reach %s: the embedded database is kept in %s.", account.name, folder, place)
    return place


def _shared_folder(account: Account) -> Path:
    problems = []
    for folder in SHARED_FOLDERS:
        try:
            with contextlib.suppress(FileExistsError):
                folder.mkdir(mode=0o711)
                folder.chmod(0o711)
            found = folder.lstat()
        except OSError as error:
            problems.append(str(error))
            continue
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
            problems.append(f"{folder} is not a folder that only root can write")
        elif not _reaches(folder, account, write=False):
            problems.append(f"the user {account.name} cannot reach {folder}")
        else:
            return folder
    raise EmbeddedServerError(
        f"There is no place for the embedded database that the user {account.name} can reach: {'; '.join(problems)}.",
        advice="Set embedded.folder to a folder outside of private ones, or start as an ordinary user.",
    )


def _reaches(folder: Path, account: Account, *, write: bool = True) -> bool:
    test = 'cd "$1" && test -w .' if write else 'cd "$1"'
    return _succeeds(["/bin/sh", "-c", test, "sh", str(folder)], account)


def _runs(installation: Installation, account: Account) -> bool:
    return _succeeds([str(installation.postgres), "--version"], account) and _succeeds(
        [str(installation.initdb), "--version"], account
    )


def _succeeds(command: list[str], account: Account) -> bool:
    try:
        done = subprocess.run(
            account.command(command), cwd="/", stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    except OSError:  # the program cannot be reached, or this root may not become that user
        return False
    return done.returncode == 0


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
