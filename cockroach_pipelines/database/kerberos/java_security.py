"""Java's own Kerberos: its process-wide settings, logins into a Subject, and code that runs as one."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import jpype

from cockroach_pipelines.database.jvm import java

Result = TypeVar("Result")

_KERBEROS_5 = "1.2.840.113554.1.2.2"


@dataclass(frozen=True)
class JavaSettings:
    """The files that Java's Kerberos reads; a process has one of each at a time."""

    krb5_conf: Path
    jaas_conf: Path | None = None


@dataclass(frozen=True)
class JavaTicket:
    """A ticket-granting ticket of a Subject."""

    principal: str
    start: dt.datetime
    expiry: dt.datetime
    renewable_until: dt.datetime | None


_settings_free = threading.Condition()
_current_settings: JavaSettings | None = None
_read_when_changed: tuple[int, ...] = ()
_users = 0


@contextmanager
def settings_in_use(settings: JavaSettings, timeout: float) -> Iterator[None]:
    """Give Java these files, and keep others from giving it different ones until the block ends.

    Connections with the same files run side by side; one with others waits for the moment when nobody logs in or
    connects. A file that changed on disk is read again.

    Raises:
        TimeoutError: Connections with other files did not end in time.
        jpype.JException: krb5.conf has a syntax error.
    """
    global _current_settings, _read_when_changed, _users
    deadline = time.monotonic() + timeout
    with _settings_free:
        while _users and _current_settings != settings:
            # In slices, so that an interrupt of the main thread is not held up.
            if (
                not _settings_free.wait(min(0.2, max(0.0, deadline - time.monotonic())))
                and time.monotonic() >= deadline
            ):
                raise TimeoutError
        changed = _state_of(settings)
        if _current_settings != settings or _read_when_changed != changed:
            _current_settings = None  # what a failed switch leaves behind is nobody's
            _switch_to(settings)
            _current_settings, _read_when_changed = settings, changed
        _users += 1
    try:
        yield
    finally:
        with _settings_free:
            _users -= 1
            _settings_free.notify_all()


def log_in(options: Mapping[str, str]) -> Any:
    """Run `Krb5LoginModule` with its documented options and give the Subject; no JAAS file is read.

    Raises:
        jpype.JException: `javax.security.auth.login.LoginException`.
    """
    no_state = java("java.util.HashMap")
    java_options = no_state()
    for name, value in options.items():
        java_options.put(name, value)
    module = java("com.sun.security.auth.module.Krb5LoginModule")()
    subject = java("javax.security.auth.Subject")()
    module.initialize(subject, None, no_state(), java_options)
    module.login()
    module.commit()
    return subject


def log_in_by_jaas(entry: str) -> Any:
    """Log in as an entry of the JAAS file in use says and give the Subject.

    Raises:
        jpype.JException: `LoginException`, or `SecurityException` for a file that cannot be read.
    """
    context = java("javax.security.auth.login.LoginContext")(entry)
    context.login()
    return context.getSubject()


def jaas_options(entry: str) -> dict[str, str] | None:
    """Give the options of the first module of an entry of the JAAS file in use; None where there is no such entry.

    Raises:
        jpype.JException: `SecurityException` for a file that cannot be read.
    """
    modules = java("javax.security.auth.login.Configuration").getConfiguration().getAppConfigurationEntry(entry)
    if not modules:
        return None
    options = modules[0].getOptions()
    return {str(name): str(options.get(name)) for name in options.keySet()}


def ticket_of(subject: Any) -> JavaTicket | None:
    """Give the Subject's ticket-granting ticket; None when it holds none."""
    for ticket in subject.getPrivateCredentials(java("javax.security.auth.kerberos.KerberosTicket").class_):
        if str(ticket.getServer()).startswith("krbtgt/"):
            start = _instant(ticket.getStartTime()) or _instant(ticket.getAuthTime())
            expiry = _instant(ticket.getEndTime())
            if expiry is not None:
                return JavaTicket(str(ticket.getClient()), start or expiry, expiry, _instant(ticket.getRenewTill()))
    return None


def run_as(subject: Any, function: Callable[[], Result]) -> Result:
    """Run a function in this thread as the Subject; exceptions of Python and Java pass through."""
    action = _Action(function)
    subject_class = java("javax.security.auth.Subject")
    if hasattr(subject_class, "callAs"):
        subject_class.callAs(subject, jpype.JObject(action, java("java.util.concurrent.Callable")))
    else:  # Java 17
        subject_class.doAs(subject, jpype.JObject(action, java("java.security.PrivilegedExceptionAction")))
    if action.error is not None:
        raise action.error
    return action.result[0]  # type: ignore[no-any-return]


def get_service_ticket(service: str, host: str) -> None:
    """Get a ticket for `service@host` and begin to log in with it, as the driver would; to be run as a Subject.

    Raises:
        jpype.JException: `org.ietf.jgss.GSSException`.
    """
    manager = java("org.ietf.jgss.GSSManager").getInstance()
    name = manager.createName(f"{service}@{host}", java("org.ietf.jgss.GSSName").NT_HOSTBASED_SERVICE)
    context = manager.createContext(name, java("org.ietf.jgss.Oid")(_KERBEROS_5), None, 0)
    try:
        context.requestMutualAuth(True)
        context.initSecContext(jpype.JArray(jpype.JByte)(0), 0, 0)
    finally:
        context.dispose()


@jpype.JImplements(["java.util.concurrent.Callable", "java.security.PrivilegedExceptionAction"], deferred=True)
class _Action:
    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self.result: list[Any] = []
        self.error: BaseException | None = None

    @jpype.JOverride  # type: ignore[untyped-decorator]
    def call(self) -> None:
        try:
            self.result.append(self._function())
        except BaseException as error:  # noqa: BLE001 - carried past Java, which would wrap it, and raised by run_as
            self.error = error

    @jpype.JOverride  # type: ignore[untyped-decorator]
    def run(self) -> None:
        self.call()


def _switch_to(settings: JavaSettings) -> None:
    system = java("java.lang.System")
    system.setProperty("java.security.krb5.conf", str(settings.krb5_conf))
    if settings.jaas_conf:
        system.setProperty("java.security.auth.login.config", str(settings.jaas_conf))
        java("javax.security.auth.login.Configuration").setConfiguration(None)
    _read_krb5_conf_again()


def _read_krb5_conf_again() -> None:
    # The public way to make Java read krb5.conf again is a login that does so first of all; this one has no ticket.
    try:
        log_in(
            {"refreshKrb5Config": "true", "useTicketCache": "true", "ticketCache": "/dev/null", "doNotPrompt": "true"}
        )
    except java("javax.security.auth.login.LoginException") as error:
        if "Illegal config content" in str(error):
            raise


def _state_of(settings: JavaSettings) -> tuple[int, ...]:
    state: list[int] = []
    for path in (settings.krb5_conf, settings.jaas_conf):
        try:
            status = path.stat() if path else None
        except OSError:
            status = None
        state += (status.st_mtime_ns, status.st_size, status.st_ino) if status else (0, 0, 0)
    return tuple(state)


def _instant(date: Any) -> dt.datetime | None:
    return dt.datetime.fromtimestamp(date.getTime() / 1000, dt.UTC) if date is not None else None
