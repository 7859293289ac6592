"""Java's and the server's words about Kerberos, turned into errors that name the cause."""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from typing import Any

import jpype

from cockroach_pipelines.config.errors import Place
from cockroach_pipelines.config.models import KerberosConfig
from cockroach_pipelines.database.jvm import java
from cockroach_pipelines.database.kerberos.causes import KerberosCause, KerberosError
from cockroach_pipelines.database.kerberos.files import (
    file_problem,
    jaas_file_problem,
    keytab_problem,
    krb5_conf_problem,
)
from cockroach_pipelines.database.kerberos.java_security import JavaSettings, jaas_options, settings_in_use
from cockroach_pipelines.database.kerberos.keytab import read_keytab
from cockroach_pipelines.database.kerberos.krb5_conf import locate_krb5_conf
from cockroach_pipelines.database.kerberos.situation import KerberosSituation
from cockroach_pipelines.database.sqlstate import exception_chain, server_message

__all__ = ["KerberosCause", "KerberosError", "kerberos_error"]

# What LoginException and GSSException say, with the classes and texts of what caused them, on Java 17 to 25.
_KERBEROS_TEXTS: tuple[tuple[str, KerberosCause], ...] = (
    (r"Illegal config content", KerberosCause.KRB5_CONF_SYNTAX),
    (r"No LoginModules configured", KerberosCause.JAAS_ENTRY_MISSING),
    (r"No CallbackHandler", KerberosCause.JAAS_WOULD_ASK),
    (r"Cannot locate default realm|Unable to locate Kerberos realm", KerberosCause.REALM_NOT_CONFIGURED),
    (r"Cannot locate KDC|Cannot get kdc for realm|No KDC found", KerberosCause.KDC_NOT_CONFIGURED),
    (r"Clock skew too great|Ticket not yet valid", KerberosCause.CLOCK_SKEW),
    (
        r"keys of types listed in|no support for encryption type|supported default etypes|is not supported/enabled",
        KerberosCause.ENCRYPTION_TYPE,
    ),
    (r"Client not found in Kerberos database", KerberosCause.PRINCIPAL_UNKNOWN),
    (r"Client's entry in database (has )?expired", KerberosCause.PRINCIPAL_EXPIRED),
    (r"credentials have been revoked", KerberosCause.PRINCIPAL_LOCKED),
    (r"Password has expired", KerberosCause.PASSWORD_EXPIRED),
    (
        r"Pre-authentication information was invalid|Checksum failed|Integrity check on decrypted field failed",
        KerberosCause.KEY_REJECTED,
    ),
    (r"Failed to find any Kerberos (tgt|cred)|Ticket expired", KerberosCause.NO_TICKET),
    (r"Server not found in Kerberos database|No service creds", KerberosCause.SERVICE_UNKNOWN),
    (r"Defective token detected", KerberosCause.TICKET_REJECTED),
    (r"timed out", KerberosCause.KDC_SILENT),
    (r"UnknownHostException|Name or service not known|name resolution", KerberosCause.KDC_UNKNOWN_HOST),
    (r"Connection refused|PortUnreachable|NoRouteToHost|unreachable|ConnectException", KerberosCause.KDC_REFUSED),
)
_NO_KEY_AND_NO_TICKET = re.compile(r"Unable to obtain (password from user|Principal Name for authentication)")

# What PostgreSQL and CockroachDB say, by the sources of both.
_SERVER_TEXTS: tuple[tuple[str, KerberosCause], ...] = (
    (
        r"no pg_hba\.conf entry|pg_hba\.conf rejects|no server\.host_based_authentication\.configuration entry",
        KerberosCause.SERVER_RULE_MISSING,
    ),
    (r"GSSAPI realm .* didn't match any configured realm", KerberosCause.REALM_NOT_ALLOWED),
    (r"system identity .* did not map to a database role", KerberosCause.ROLE_DIFFERS),
    (r"accepting GSS security context failed", KerberosCause.TICKET_REJECTED),
    (r"requires an? [Ee]nterprise licen[sc]e", KerberosCause.LICENCE_WANTED),
    (r"secure mode, SSL connection required", KerberosCause.TLS_WANTED),
    (r"role \".*\" does not exist", KerberosCause.ROLE_MISSING),
    (r"requested .*password.* authentication|but no password was provided", KerberosCause.PASSWORD_WANTED),
)
_POSTGRESQL_REFUSED = "GSSAPI authentication failed for user"
_DRIVER_FAILED = "GSS Authentication failed"
_LOOK_AT_JAAS_SECONDS = 1.0


def kerberos_error(error: BaseException, config: KerberosConfig, host: str, user: str) -> KerberosError | None:
    """Give the Kerberos error that an exception stands for.

    Args:
        error: What a login or a connection failed with; its causes are searched too.
        config: How the login was tried.
        host: The server, as the connection names it; empty while none is concerned.
        user: The database role; empty while none is concerned.

    Returns:
        The error with its cause, or None when the exception is not about Kerberos.
    """
    chain = list(exception_chain(error))
    for link in chain:
        if isinstance(link, KerberosError):
            return link
    for link in chain:
        said = server_message(link) if isinstance(link, jpype.JException) else None
        if said and (found := _server_error(said.text, config, host, user)):
            return found
    kerberos = _kerberos_links(chain)
    if kerberos:
        return _login_error(kerberos, _situation(config, host, user))
    if any(_DRIVER_FAILED in str(link) for link in chain):
        return _situation(config, host, user).error(KerberosCause.OTHER, said=_said(chain))
    return None


def _server_error(text: str, config: KerberosConfig, host: str, user: str) -> KerberosError | None:
    cause = next((cause for pattern, cause in _SERVER_TEXTS if re.search(pattern, text)), None)
    if cause is None and _POSTGRESQL_REFUSED not in text:
        return None
    situation = _situation(config, host, user)
    if cause is None:
        # PostgreSQL tells the client no more than that, its log does.
        same_name = (situation.full_principal or "").partition("@")[0] == user
        cause = KerberosCause.REALM_NOT_ALLOWED if same_name else KerberosCause.ROLE_DIFFERS
    return situation.error(cause, detail=f": {text}", said=text)


def _login_error(links: list[BaseException], situation: KerberosSituation) -> KerberosError:
    text = " ".join(f"{type(link).__name__} {link}" for link in links)
    said = _said(links)
    if isinstance(links[0], java("java.lang.SecurityException")):
        return jaas_file_problem(situation) or _jaas_syntax_error(said, situation)
    if _NO_KEY_AND_NO_TICKET.search(text):
        return file_problem(situation) or situation.error(KerberosCause.OTHER, said=said)
    cause = next((cause for pattern, cause in _KERBEROS_TEXTS if re.search(pattern, text)), KerberosCause.OTHER)
    match cause:
        case KerberosCause.REALM_NOT_CONFIGURED:
            return krb5_conf_problem(situation) or situation.error(cause, said=said)
        case KerberosCause.KDC_NOT_CONFIGURED:
            return krb5_conf_problem(situation) or keytab_problem(situation) or situation.error(cause, said=said)
        case KerberosCause.KRB5_CONF_SYNTAX:
            content = said.partition("Illegal config content:")[2]
            return situation.error(cause, detail=content, said=said, place=_krb5_conf_place(situation, content))
        case KerberosCause.CLOCK_SKEW:
            return situation.error(cause, detail=_skew(links), said=said)
        case KerberosCause.KDC_UNKNOWN_HOST:
            return situation.error(cause, detail=said, said=said)
        case KerberosCause.PRINCIPAL_UNKNOWN:  # Java sends a keytab's key to the KDC whatever realm it is of
            return keytab_problem(situation) or situation.error(cause, said=said)
        case KerberosCause.KEY_REJECTED:
            return keytab_problem(situation) or situation.error(cause, detail=_key_version(situation), said=said)
        case KerberosCause.SERVICE_UNKNOWN:
            by_address = KerberosCause.SERVICE_BY_ADDRESS if _is_address(situation.host) else cause
            return service_problem(situation) or situation.error(by_address, said=said)
        case _:
            return situation.error(cause, said=said)


def service_problem(situation: KerberosSituation) -> KerberosError | None:
    """Say that the SPN names another host than the connection's; None when it does not."""
    if (situation.service_host or situation.host).lower() == situation.host.lower():
        return None
    return situation.error(KerberosCause.SERVICE_OF_OTHER_HOST)


def _situation(config: KerberosConfig, host: str, user: str) -> KerberosSituation:
    options = None
    if config.jaas_conf:
        settings = JavaSettings(locate_krb5_conf(config.krb5_conf).path, config.jaas_conf.absolute())
        try:
            with settings_in_use(settings, _LOOK_AT_JAAS_SECONDS):
                options = jaas_options(config.jaas_entry)
        except (TimeoutError, jpype.JException):
            pass  # the message then does without what the file says
    return KerberosSituation.of(config, host=host, user=user, jaas_options=options)


def _kerberos_links(chain: list[BaseException]) -> list[BaseException]:
    """Give the chain from the first exception of Java's Kerberos on."""
    for index, link in enumerate(chain):
        if isinstance(link, jpype.JException) and isinstance(
            link,
            (
                java("javax.security.auth.login.LoginException"),
                java("org.ietf.jgss.GSSException"),
                java("java.lang.SecurityException"),
            ),
        ):
            return chain[index:]
    return []


def _said(links: list[BaseException]) -> str:
    for link in links:
        message = link.getMessage() if isinstance(link, jpype.JException) else str(link)
        if message is not None:
            return " ".join(str(message).split())
    return type(links[0]).__name__


def _skew(links: list[BaseException]) -> str:
    """Say how far the KDC's clock is ahead or behind, by its answer; nothing where Java keeps the answer closed."""
    for link in links:
        answer: Any = link.getError() if hasattr(link, "getError") else None
        if answer is not None and hasattr(answer, "getServerTime"):
            seconds = round(answer.getServerTime().getTime() / 1000 - dt.datetime.now(dt.UTC).timestamp())
            return f": the KDC's is {dt.timedelta(seconds=abs(seconds))} {'ahead' if seconds > 0 else 'behind'}"
    return ""


def _key_version(situation: KerberosSituation) -> str:
    try:
        entries = read_keytab(situation.keytab) if situation.keytab else []
    except (OSError, ValueError):
        return ""
    versions = sorted({entry.version for entry in entries if entry.principal == situation.full_principal})
    return f": {', '.join(map(str, versions))}" if versions else ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _krb5_conf_place(situation: KerberosSituation, content: str) -> Place:
    path = situation.krb5_conf.path
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return Place(path)
    return Place(path, next((number for number, line in enumerate(lines, 1) if line.strip() == content.strip()), None))


def _jaas_syntax_error(said: str, situation: KerberosSituation) -> KerberosError:
    if "Configuration Error" not in said or situation.config.jaas_conf is None:
        return situation.error(KerberosCause.OTHER, said=said)
    detail = said.partition("Configuration Error:")[2].strip()
    line = re.match(r"Line (\d+): ", detail)
    place = Place(situation.config.jaas_conf, int(line[1]) if line else None)
    detail = detail[line.end() :] if line else detail
    return situation.error(KerberosCause.JAAS_FILE_SYNTAX, detail=detail, said=said, place=place)
