"""`doctor`: everything between this process and an answer from the database, one line each."""

from __future__ import annotations

import hashlib
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rich.markup import escape

from cockroach_pipelines.cli.console import CROSS, TICK, out
from cockroach_pipelines.cli.exit_codes import ExitCode, exit_code
from cockroach_pipelines.config import ConfigManager, DatabaseConfig, PipelinesError
from cockroach_pipelines.database import (
    AuthenticationError,
    CockroachDBConnection,
    Connector,
    JVMError,
    JVMManager,
    KerberosAuthenticator,
    examine_krb5_conf,
    examine_login_source,
    used_gss,
)
from cockroach_pipelines.embedded import embedded_config

_ROUND_TRIPS = 20
_NEEDED_BEFORE = "[dim]–[/]"


@dataclass
class _Patient:
    """What the examinations so far have brought to light."""

    path: Path | None
    name: str
    manager: ConfigManager | None = None
    config: DatabaseConfig | None = None
    connector: Connector | None = None
    connection: CockroachDBConnection | None = None
    notes: list[str] = field(default_factory=list)


def run_doctor(path: Path | None, connection: str) -> ExitCode:
    """Examine one connection; see the command's help."""
    patient = _Patient(path, connection)
    worst: PipelinesError | None = None
    try:
        for label, examine in _examinations(patient):
            if worst is not None:
                out.print(f"{_NEEDED_BEFORE} {label}: not examined, an earlier line is wrong", highlight=False)
                continue
            try:
                out.print(f"{TICK} {label}: {escape(examine())}", highlight=False, soft_wrap=True)
            except PipelinesError as error:
                worst = error
                headline, *advice = str(error).splitlines()
                out.print(f"{CROSS} {label}: {escape(headline)}", highlight=False, soft_wrap=True)
                for line in advice:
                    out.print(f"    {escape(line)}", highlight=False, soft_wrap=True)
    finally:
        if patient.connection:
            patient.connection.close()
    return exit_code(worst) if worst else ExitCode.OK


def show_settings(path: Path | None) -> ExitCode:
    """Print where each setting that was given came from, without its value."""
    for setting, origin in ConfigManager.load(path).origins().items():
        out.print(f"{setting}: {origin}", highlight=False, markup=False, soft_wrap=True)
    return ExitCode.OK


def _examinations(patient: _Patient) -> Iterator[tuple[str, Callable[[], str]]]:
    yield "Python", lambda: f"{platform.python_version()} at {sys.executable}"
    yield "Configuration", lambda: _configuration(patient)
    yield "Java", lambda: _java(patient)
    yield "Driver", lambda: _driver(patient)
    if patient.config and patient.config.kerberos:
        kerberos = patient.config.kerberos
        yield "krb5.conf", lambda: examine_krb5_conf(kerberos)
        yield "Keytab or ticket", lambda: examine_login_source(kerberos)
        yield "Kerberos login", lambda: _login(patient)
        yield "Service ticket", lambda: _service_ticket(patient)
    yield "Connection", lambda: _connection(patient)
    yield "Server", lambda: _server(patient)
    yield "Round trip", lambda: _round_trip(patient)


def _configuration(patient: _Patient) -> str:
    patient.manager = ConfigManager.load(patient.path)
    config = patient.manager.connection(patient.name)
    patient.config = config
    where = patient.manager.path or "the environment"
    if config.embedded:
        return f"{where}, connection {patient.name}: embedded database in {config.embedded.folder}"
    return f"{where}, connection {patient.name}: {config.user}@{config.host}:{config.port}/{config.database}, sslmode {config.sslmode}"


def _config(patient: _Patient) -> DatabaseConfig:
    assert patient.config is not None  # noqa: S101 - examined before
    return patient.config


def _jvm(patient: _Patient) -> JVMManager:
    config = _config(patient)
    return JVMManager(config.java_home, [config.pg_jar] if config.pg_jar else [])


def _java(patient: _Patient) -> str:
    jvm = _jvm(patient)
    version = jvm.version()
    return f"{version} at {jvm.home}"


def _driver(patient: _Patient) -> str:
    jar = _config(patient).pg_jar or _jvm(patient).jars[0]
    checksum = jar.with_name(jar.name + ".sha256")
    if not checksum.is_file():
        return f"pgjdbc {_jvm(patient).driver_version()} at {jar}"
    if hashlib.sha256(jar.read_bytes()).hexdigest() != checksum.read_text().split()[0]:
        raise JVMError(f"{jar} is not the file that {checksum.name} describes.", advice="Install the package again.")
    return f"pgjdbc {_jvm(patient).driver_version()} at {jar}, checksum right"


def _connector(patient: _Patient) -> Connector:
    if patient.connector is None:
        config = _config(patient)
        patient.connector = Connector(embedded_config(config) if config.embedded else config, patient.name)
    return patient.connector


def _authenticator(patient: _Patient) -> KerberosAuthenticator:
    authenticator = _connector(patient).authenticator
    assert authenticator is not None  # noqa: S101 - asked only where the configuration has kerberos
    return authenticator


def _login(patient: _Patient) -> str:
    ticket = _authenticator(patient).ticket()
    renewable = f", renewable until {ticket.renewable_until:%Y-%m-%d %H:%M:%S %Z}" if ticket.renewable_until else ""
    return f"{ticket.principal}, expires {ticket.expiry:%Y-%m-%d %H:%M:%S %Z}{renewable}"


def _service_ticket(patient: _Patient) -> str:
    config = _config(patient)
    _authenticator(patient).probe(str(config.host))
    service = config.kerberos.spn.partition("/")[0] if config.kerberos else ""
    return f"the KDC gave one for {service}/{config.host}"


def _connection(patient: _Patient) -> str:
    started = time.perf_counter()
    patient.connection = _connector(patient).open()
    config = patient.connection.config
    took = time.perf_counter() - started
    if config.kerberos and used_gss(patient.connection.jdbc) is False:
        raise AuthenticationError(
            "The server let this role in without Kerberos: its rules say trust or password for it.",
            advice="Give the role a rule with gss in the server's host-based authentication.",
        )
    return f"{config.user}@{config.host}:{config.port}/{config.database} in {took:.2f} s"


def _opened(patient: _Patient) -> CockroachDBConnection:
    assert patient.connection is not None  # noqa: S101 - examined before
    return patient.connection


def _server(patient: _Patient) -> str:
    return str(_opened(patient).version)


def _round_trip(patient: _Patient) -> str:
    connection = _opened(patient)
    times = []
    for _ in range(_ROUND_TRIPS):
        started = time.perf_counter()
        connection.query("SELECT 1")
        times.append(time.perf_counter() - started)
    connection.rollback()
    return f"{sorted(times)[_ROUND_TRIPS // 2] * 1000:.1f} ms (median of {_ROUND_TRIPS})"
