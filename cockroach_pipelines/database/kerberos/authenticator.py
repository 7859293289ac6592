"""The login to Kerberos, kept valid for as long as connections need it."""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import jpype

from cockroach_pipelines.config.models import KerberosConfig
from cockroach_pipelines.database.errors import DatabaseError
from cockroach_pipelines.database.interruptible import SLICE_SECONDS, call_interruptibly
from cockroach_pipelines.database.jvm import JVMManager, java
from cockroach_pipelines.database.kerberos.causes import KerberosCause, KerberosError
from cockroach_pipelines.database.kerberos.errors import kerberos_error, service_problem
from cockroach_pipelines.database.kerberos.files import cache_kind_problem, krb5_conf_problem
from cockroach_pipelines.database.kerberos.java_security import (
    JavaSettings,
    get_service_ticket,
    log_in,
    log_in_by_jaas,
    run_as,
    settings_in_use,
    ticket_of,
)
from cockroach_pipelines.database.kerberos.situation import KerberosSituation

_logger = logging.getLogger(__name__)

Result = TypeVar("Result")

_LONGEST_MARGIN = dt.timedelta(minutes=10)
_SHARE_OF_LIFETIME = 0.1
_PG_STAT_GSSAPI_SINCE = 12


@dataclass(frozen=True)
class Ticket:
    """A ticket-granting ticket: whose it is, until when, and where it came from, such as `keytab /etc/etl.keytab`."""

    principal: str
    realm: str
    expiry: dt.datetime
    """Aware, in UTC; so is the next."""
    renewable_until: dt.datetime | None
    source: str


@dataclass(frozen=True)
class _Login:
    subject: Any = field(repr=False)  # it would print its session keys
    ticket: Ticket
    margin: dt.timedelta
    renew_at: dt.datetime


class KerberosAuthenticator:
    """Logs in to Kerberos when first needed, and again before the ticket expires; safe to use from many threads.

    With a keytab or a ticket cache it logs in by itself, into a Subject. With a JAAS file the driver logs in at every
    connection, as the file says.

    Args:
        config: How to log in.
        jvm: The process's virtual machine, started here when it does not run.
        login_timeout: Seconds after which a login, or a probe, is given up.

    Java reads one krb5.conf and one JAAS file per process at a time. Authenticators with different ones take turns;
    those with the same ones run side by side.
    """

    def __init__(self, config: KerberosConfig, *, jvm: JVMManager, login_timeout: float = 20.0) -> None:
        self.config = config
        self.login_timeout = login_timeout
        self._jvm = jvm
        self._lock = threading.Lock()
        self._login: _Login | None = None

    def ticket(self) -> Ticket:
        """Give the ticket in use, logging in where there is none or it is about to expire.

        Raises:
            KerberosError: The login failed; its `cause` says how.
            JVMError: Java cannot be used.
        """
        return self._valid_login().ticket

    def call_as(self, function: Callable[[], Result]) -> Result:
        """Run a function in this thread as whoever is logged in, for the driver to find the ticket.

        Where the server rejects a ticket of an earlier login, as it does once its own key has changed, the function
        runs a second time with new tickets: it is one that connects, and has done nothing then.

        Raises:
            KerberosError: The login failed. Whatever the function raises passes through as it is.
        """
        self._jvm.start()
        with self._settings():
            if self.config.jaas_conf:
                return function()
            earlier = self._login
            login = self._valid_login()
            try:
                return run_as(login.subject, function)
            except jpype.JException as error:
                problem = kerberos_error(error, self.config, "", "")
                if login is not earlier or problem is None or problem.cause not in _MENDED_BY_NEW_TICKETS:
                    raise
                self._forget(login)
            return run_as(self._valid_login().subject, function)

    def probe(self, host: str) -> None:
        """Get a ticket for the database's service on a host, without connecting to it.

        Later connections to the host use this ticket and need no KDC, except with a JAAS file. Unlike a connection,
        which waits for a silent KDC as long as Java does, this ends with `login_timeout`.

        Raises:
            KerberosError: The login failed, or the KDC knows no such service.
        """
        if problem := service_problem(self._situation(host)):
            raise problem
        subject, service = self._valid_login().subject, self._situation(host).service
        self._in_time(lambda: run_as(subject, lambda: get_service_ticket(service, host)), host)

    def driver_properties(self) -> dict[str, str]:
        """Give the properties of pgjdbc that make it log in by Kerberos."""
        properties = {
            "gssEncMode": "disable",  # CockroachDB has none, and TLS encrypts
            "kerberosServerName": self._situation().service,
            "jaasLogin": "true" if self.config.jaas_conf else "false",
        }
        if self.config.jaas_conf:
            properties["jaasApplicationName"] = self.config.jaas_entry
        return properties

    def _valid_login(self) -> _Login:
        self._jvm.start()
        while not self._lock.acquire(timeout=SLICE_SECONDS):
            pass
        try:
            if self._login is None or _now() >= self._login.renew_at:
                self._login = self._renewed(self._login)
            return self._login
        finally:
            self._lock.release()

    def _forget(self, login: _Login) -> None:
        with self._lock:
            if self._login is login:
                self._login = None

    def _renewed(self, held: _Login | None) -> _Login:
        try:
            return self._log_in()
        except KerberosError as error:
            if held is None or held.ticket.expiry <= _now():
                raise
            _logger.warning(
                "the Kerberos ticket that expires at %s could not be renewed: %s", held.ticket.expiry, error
            )
            return _Login(held.subject, held.ticket, held.margin, _next_try(held.ticket.expiry, held.margin))

    def _log_in(self) -> _Login:
        situation = self._situation()
        if self.config.krb5_conf and (problem := krb5_conf_problem(situation)):
            raise problem
        if self.config.jaas_conf:
            entry = self.config.jaas_entry
            source = f"entry {entry!r} of {self.config.jaas_conf}"
            return self._in_time(lambda: _login_of(log_in_by_jaas(entry), source))
        if situation.cache is None:
            return self._from_keytab(situation)
        try:
            return self._from_cache(situation)
        except KerberosError as error:
            if situation.keytab is None:
                raise
            _logger.info(
                "logging in from %s, since the ticket cache does not serve: %s", situation.keytab, error.message
            )
            return self._from_keytab(situation)

    def _from_cache(self, situation: KerberosSituation) -> _Login:
        if problem := cache_kind_problem(situation):
            raise problem
        assert situation.cache is not None  # noqa: S101 - what _log_in asked
        path = situation.cache.path
        options = {"useTicketCache": "true", "ticketCache": str(path), "renewTGT": "true", **_COMMON_OPTIONS}
        if self.config.principal:
            options["principal"] = self.config.principal
        return self._in_time(lambda: _login_of(log_in(options), f"ticket cache {path}"))

    def _from_keytab(self, situation: KerberosSituation) -> _Login:
        keytab, principal = situation.keytab, self.config.principal or ""
        options = {"useKeyTab": "true", "keyTab": str(keytab), "principal": principal, **_COMMON_OPTIONS}
        return self._in_time(lambda: _login_of(log_in(options), f"keytab {keytab}"))

    def _in_time(self, function: Callable[[], Result], host: str = "") -> Result:
        """Run a function that may wait for a KDC in a thread of its own, so that interrupt and timeout end the wait."""

        def work() -> Result:
            with self._settings():
                return function()

        try:
            return call_interruptibly(work, name="kerberos-login", timeout=self.login_timeout)
        except TimeoutError as error:
            raise self._situation(host).error(
                KerberosCause.KDC_SILENT, detail=f" within {self.login_timeout:g} s"
            ) from error
        except jpype.JException as error:
            raise kerberos_error(error, self.config, host, "") or DatabaseError(f"Java failed: {error}") from error

    @contextmanager
    def _settings(self) -> Iterator[None]:
        situation = self._situation()
        jaas_conf = self.config.jaas_conf.absolute() if self.config.jaas_conf else None
        settings = JavaSettings(situation.krb5_conf.path, jaas_conf)
        with ExitStack() as stack:
            try:
                stack.enter_context(settings_in_use(settings, self.login_timeout))
            except TimeoutError as error:
                raise situation.error(KerberosCause.CONFIGURATION_IN_USE) from error
            except jpype.JException as error:
                raise kerberos_error(error, self.config, "", "") or DatabaseError(f"Java failed: {error}") from error
            yield

    def _situation(self, host: str = "") -> KerberosSituation:
        return KerberosSituation.of(self.config, host=host)


def used_gss(jdbc: Any) -> bool | None:
    """Say whether a session was let in by Kerberos; None where the server cannot tell, as CockroachDB.

    A server whose rule is `trust` ignores Kerberos without a word.

    Args:
        jdbc: A `java.sql.Connection`; outside a transaction it is so afterwards too.
    """
    idle = jdbc.unwrap(java("org.postgresql.core.BaseConnection")).getTransactionState().toString() == "IDLE"
    try:
        version = _first_value(jdbc, "SELECT version()") or ""
        if not version.startswith("PostgreSQL") or jdbc.getMetaData().getDatabaseMajorVersion() < _PG_STAT_GSSAPI_SINCE:
            return None
        used = _first_value(jdbc, "SELECT gss_authenticated FROM pg_stat_gssapi WHERE pid = pg_backend_pid()")
        return None if used is None else used == "t"
    finally:
        if idle and not jdbc.getAutoCommit():
            jdbc.rollback()


_MENDED_BY_NEW_TICKETS = {KerberosCause.TICKET_REJECTED, KerberosCause.NO_TICKET}
_COMMON_OPTIONS = {"doNotPrompt": "true", "refreshKrb5Config": "true"}


def _login_of(subject: Any, source: str) -> _Login:
    ticket = ticket_of(subject)
    if ticket is None:
        raise java("javax.security.auth.login.LoginException")(
            "Failed to find any Kerberos tgt: the login left no ticket"
        )
    margin = min(_LONGEST_MARGIN, (ticket.expiry - ticket.start) * _SHARE_OF_LIFETIME)
    realm = ticket.principal.rpartition("@")[2]
    renew_at = max(ticket.expiry - margin, _next_try(ticket.expiry, margin))
    return _Login(
        subject, Ticket(ticket.principal, realm, ticket.expiry, ticket.renewable_until, source), margin, renew_at
    )


def _next_try(expiry: dt.datetime, margin: dt.timedelta) -> dt.datetime:
    """Give the moment of the next try while a ticket cannot be renewed: a few tries fit in before it expires."""
    return min(expiry, _now() + margin / 4)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _first_value(jdbc: Any, sql: str) -> str | None:
    statement = jdbc.createStatement()
    try:
        rows = statement.executeQuery(sql)
        return str(rows.getString(1)) if rows.next() else None
    finally:
        statement.close()
