"""A connection's settings in pgjdbc's terms."""

from __future__ import annotations

from cockroach_pipelines.config import DatabaseConfig
from cockroach_pipelines.database.kerberos import KerberosAuthenticator

# What every value's text depends on is fixed at the start of the session, so that text has one reading.
_SESSION = {
    "DateStyle": "ISO",
    "IntervalStyle": "iso_8601",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
}
_CANCEL_SECONDS = 2


def connection_url(config: DatabaseConfig) -> str:
    """Give the JDBC address; it holds no secret."""
    host = f"[{config.host}]" if config.host and ":" in config.host else config.host
    return f"jdbc:postgresql://{host}:{config.port}/{_percent(config.database)}"


def connection_properties(config: DatabaseConfig, authenticator: KerberosAuthenticator | None) -> dict[str, str]:
    """Give the driver's properties; the password is among them, so they are never logged.

    `loginTimeout` stays unset: the driver's helper thread would not inherit the Kerberos login on Java 18 and later.
    """
    limits = {
        "statement_timeout": config.statement_timeout,
        "lock_timeout": config.lock_timeout,
        "idle_in_transaction_session_timeout": config.idle_in_transaction_timeout,
    }
    session = _SESSION | {name: f"{round(seconds * 1000)}ms" for name, seconds in limits.items() if seconds}
    properties = {
        "user": config.user or "",
        "sslmode": config.sslmode,
        "connectTimeout": str(max(1, round(config.connection_timeout))),
        "socketTimeout": str(max(1, round(config.socket_timeout))),
        "cancelSignalTimeout": str(_CANCEL_SECONDS),
        "ApplicationName": config.application_name,
        "options": " ".join(f"-c {key}={value}" for key, value in session.items()),
        "stringtype": "unspecified",
        # Values are read as the server's text, also from the sixth run of a statement on.
        "binaryTransfer": "false",
        # A statement is prepared for as long as its Java object lives: one kept for the session would fail with 0A000,
        # and its transaction with it, once the table's types have changed.
        "preparedStatementCacheQueries": "0",
        "reWriteBatchedInserts": "true",
        "tcpKeepAlive": "true",
        "gssEncMode": "disable",
    }
    for key, path in (("sslrootcert", config.sslrootcert), ("sslcert", config.sslcert), ("sslkey", config.sslkey)):
        if path:
            properties[key] = str(path)
    if config.password:
        properties["password"] = config.password.get_secret_value()
    if authenticator:
        properties.update(authenticator.driver_properties())
    return properties


def _percent(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")
