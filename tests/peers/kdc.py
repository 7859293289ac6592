"""A throw-away MIT KDC on loopback (Debian: krb5-kdc, krb5-admin-server, krb5-user)."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.peers.debian import library, program
from tests.peers.processes import accepts, free_port, inherited, run, start_server, stop_server


class Kdc:
    """A realm of its own, with preauthentication as Active Directory has it.

    `etl` and `postgres/localhost` exist; `keytab` holds the first, `server_keytab` the second.
    """

    def __init__(self, folder: Path, realm: str = "TEST.LOCAL") -> None:
        self.folder = folder
        self.realm = realm
        self.port = free_port()
        self.principal = f"etl@{realm}"
        self.keytab = folder / "etl.keytab"
        self.server_keytab = folder / "server.keytab"
        self.krb5_conf = self.write_krb5_conf("krb5.conf")
        self._process: subprocess.Popen[bytes] | None = None
        self._env = inherited(
            KRB5_CONFIG=str(self.krb5_conf),
            KRB5_KDC_PROFILE=str(self._write_kdc_conf()),
            KRB5CCNAME=f"FILE:{folder / 'default.ccache'}",
            KRB5RCACHEDIR=str(folder),
        )
        run([program("kdb5_util", "krb5-kdc"), "-r", realm, "create", "-W", "-s", "-P", "master"], env=self._env)
        self.add_principal("etl", keytab=self.keytab)
        self.add_principal("postgres/localhost", keytab=self.server_keytab)
        self.server_keytab.chmod(0o644)

    def write_krb5_conf(
        self, name: str, *, kdc: str | None = None, libdefaults: Mapping[str, str] | None = None
    ) -> Path:
        """Write a client's configuration for this realm; `kdc` is `127.0.0.1:<port>` of this one when None."""
        settings = {
            "default_realm": self.realm,
            "dns_lookup_kdc": "false",
            "dns_lookup_realm": "false",
            "dns_canonicalize_hostname": "false",
            "rdns": "false",
            "udp_preference_limit": "1",
            "forwardable": "true",
            **(libdefaults or {}),
        }
        path = self.folder / name
        path.write_text(
            "[libdefaults]\n"
            + "".join(f"  {key} = {value}\n" for key, value in settings.items())
            + f"[realms]\n  {self.realm} = {{\n    kdc = {kdc or f'127.0.0.1:{self.port}'}\n  }}\n"
            + f"[domain_realm]\n  localhost = {self.realm}\n"
        )
        return path

    def start(self, *, clock_offset: str = "") -> None:
        """Start answering; a clock offset such as `+10m` is what the KDC takes for now (Debian: libfaketime)."""
        env = dict(self._env)
        if clock_offset:
            env |= {"LD_PRELOAD": library("libfaketime.so.1", "faketime"), "FAKETIME": clock_offset}
        self._process = start_server(
            [program("krb5kdc", "krb5-kdc"), "-n", "-r", self.realm],
            log=self.folder / "krb5kdc.log",
            env=env,
            ready=lambda: accepts(self.port),
        )

    def stop(self) -> None:
        """End the KDC; the realm stays and `start` brings it back."""
        if self._process:
            stop_server(self._process, signal.SIGTERM)
            self._process = None

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Keep the KDC down for the length of a block."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def clock_set(self, offset: str) -> Iterator[None]:
        """Let the KDC take another time for now during a block; see `start`."""
        with self.stopped():
            self.start(clock_offset=offset)
            try:
                yield
            finally:
                self.stop()

    def kadmin(self, query: str) -> str:
        """Run a query of kadmin against the realm's own files; it works while the KDC is down too."""
        printed = run([program("kadmin.local", "krb5-admin-server"), "-r", self.realm, "-q", query], env=self._env)
        if "while" in printed.split("\n", 1)[-1]:  # kadmin.local ends with 0 whatever happens
            raise RuntimeError(f"kadmin.local {query}:\n{printed}")
        return printed

    def add_principal(
        self, name: str, *, password: str | None = None, keytab: Path | None = None, options: str = ""
    ) -> None:
        """Make a principal, with random keys unless a password is given, and write its keys to the keytab."""
        secret = f"-pw {password}" if password else "-randkey"
        self.kadmin(f"addprinc +requires_preauth {options} {secret} {name}")
        if keytab:
            self.kadmin(f"ktadd -norandkey -k {keytab} {name}")

    def kinit(
        self, cache: Path, *, principal: str = "etl", keytab: Path | None = None, options: tuple[str, ...] = ()
    ) -> Path:
        """Get a ticket into a cache file with the keytab's keys, by MIT's own client."""
        command = ["kinit", *options, "-c", f"FILE:{cache}", "-k", "-t", str(keytab or self.keytab), principal]
        run([program(command[0], "krb5-user"), *command[1:]], env=self._env)
        return cache

    def _write_kdc_conf(self) -> Path:
        path = self.folder / "kdc.conf"
        path.write_text(
            f"[kdcdefaults]\n  kdc_listen = 127.0.0.1:{self.port}\n  kdc_tcp_listen = 127.0.0.1:{self.port}\n"
            f"[realms]\n  {self.realm} = {{\n"
            f"    database_name = {self.folder}/principal\n"
            f"    key_stash_file = {self.folder}/stash\n"
            f"    acl_file = {self.folder}/kadm5.acl\n"
            "    max_life = 1h\n"
            "    max_renewable_life = 7d\n"
            "    supported_enctypes = aes256-cts-hmac-sha1-96:normal aes128-cts-hmac-sha1-96:normal\n"
            f"  }}\n[logging]\n  kdc = FILE:{self.folder}/kdc.log\n  default = FILE:{self.folder}/krb5.log\n"
        )
        return path
