"""A throw-away PostgreSQL with GSSAPI, never run as root (Debian: postgresql).

PostgreSQL of PyPI's wheels is built without GSSAPI.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import signal
import subprocess
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from cockroach_pipelines.config.models import DatabaseConfig, KerberosConfig
from tests.peers.debian import program
from tests.peers.kdc import Kdc
from tests.peers.processes import free_port, inherited, run, start_server, stop_server


class PostgresServer:
    """One cluster with a database `test` that everyone may write to.

    `tester` owns it and logs in with a password; `etl` and `analyst` by Kerberos. `trusted` is let in without being
    asked, `outsider` only from another realm, `suffixed` only as `suffixed@REALM`; any other role meets no rule at all.
    """

    def __init__(self, folder: Path, kdc: Kdc) -> None:
        self.folder = folder
        self.kdc = kdc
        self.port = free_port()
        self._password = secrets.token_urlsafe(12)
        self._process: subprocess.Popen[bytes] | None = None
        self._env = inherited(HOME=str(folder), KRB5_CONFIG=str(kdc.krb5_conf), KRB5RCACHEDIR=str(folder))
        self._identity: dict[str, int] = {}
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")  # made by the Debian package
            self._identity = {"user": account.pw_uid, "group": account.pw_gid}
            os.chown(folder, account.pw_uid, account.pw_gid)

    @property
    def config(self) -> DatabaseConfig:
        """Log in with a password, as `tester`."""
        return self._config(user="tester", password=SecretStr(self._password))

    def kerberos_config(self, *, user: str = "etl", host: str = "localhost", **kerberos: Any) -> DatabaseConfig:
        """Log in by Kerberos, from the KDC's keytab of `etl` unless told otherwise."""
        kerberos.setdefault("krb5_conf", self.kdc.krb5_conf)
        if not kerberos.keys() & {"keytab", "ticket_cache", "jaas_conf"}:
            kerberos |= {"keytab": self.kdc.keytab, "principal": self.kdc.principal}
        return self._config(user=user, host=host, kerberos=KerberosConfig(**kerberos))

    def psql(self, sql: str, database: str = "test") -> str:
        """Run SQL as the administrator, by another client over the server's socket; gives unaligned rows."""
        command = [program("psql", "postgresql-client"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-At"]
        address = ["-h", str(self.folder), "-p", str(self.port), "-U", "pgadmin", "-d", database]
        return run([*command, *address, "-c", sql], env=self._env).rstrip("\n")

    def create(self) -> None:
        """Make the cluster's files; `start` follows, then `create_roles`."""
        command = [program("initdb", "postgresql"), "-D", str(self._data), "-U", "pgadmin", "-A", "trust"]
        run([*command, "-E", "UTF8", "--locale=C", "--no-sync"], env=self._env, **self._identity)
        with (self._data / "postgresql.conf").open("a") as conf:
            conf.write(
                f"listen_addresses = '127.0.0.1'\nport = {self.port}\nunix_socket_directories = '{self.folder}'\n"
                f"krb_server_keyfile = 'FILE:{self.kdc.server_keytab}'\n"
                "fsync = off\nfull_page_writes = off\nsynchronous_commit = off\nshared_buffers = 32MB\n"
                "shared_preload_libraries = 'pg_stat_statements'\n"
            )
        loopback, realm = "127.0.0.1/32", self.kdc.realm
        (self._data / "pg_hba.conf").write_text(
            "local all pgadmin trust\n"
            f"host all tester {loopback} scram-sha-256\n"
            f"host all trusted {loopback} trust\n"
            f"host all outsider {loopback} gss include_realm=0 krb_realm=ELSEWHERE.LOCAL\n"
            f"host all suffixed {loopback} gss include_realm=1\n"
            f"host all etl,analyst,absent {loopback} gss include_realm=0 krb_realm={realm}\n"
        )

    def config_of(self, *, port: int | None = None, user: str = "trusted", **settings: Any) -> DatabaseConfig:
        """Log in without being asked, through another port where one is given."""
        return self._config(user=user, **settings).model_copy(update={"port": port or self.port})

    def create_roles(self) -> None:
        """Make the roles and the database that the tests use."""
        self.psql(
            f"CREATE ROLE tester LOGIN PASSWORD '{self._password}';"
            + "".join(f"CREATE ROLE {role} LOGIN;" for role in ("etl", "analyst", "trusted", "outsider", "suffixed")),
            database="postgres",
        )
        self.psql("CREATE DATABASE test OWNER tester", database="postgres")
        self.psql("GRANT ALL ON SCHEMA public TO PUBLIC")

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        self._process = start_server(
            [program("postgres", "postgresql"), "-D", str(self._data)],
            log=self.log,
            env=self._env,
            ready=self.ready,
            **self._identity,
        )

    def stop(self, how: int = signal.SIGINT) -> None:
        """End the server: SIGINT drops every session, SIGQUIT ends as a crash would; `start` brings it back."""
        if self._process:
            stop_server(self._process, how)
            self._process = None

    def kill(self) -> None:
        """End every process of the server at once by SIGKILL; `start` recovers."""
        if self._process:
            postmaster = self._process.pid
            children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
            for process in (postmaster, *map(int, children)):  # each child leads a session of its own
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            self._process.wait()
            self._process = None

    @property
    def log(self) -> Path:
        """What the server writes."""
        return self.folder / "postgres.log"

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _config(self, *, host: str = "localhost", **settings: Any) -> DatabaseConfig:
        return DatabaseConfig(host=host, port=self.port, database="test", sslmode="disable", **settings)

    def ready(self) -> bool:
        """Whether the server takes connections."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready"
