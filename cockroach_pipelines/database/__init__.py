"""One JVM, Kerberos, JDBC connections, types and COPY."""

from cockroach_pipelines.database.as_of import AsOf
from cockroach_pipelines.database.connection import BaseConnection, CockroachDBConnection, Connector, connect
from cockroach_pipelines.database.dialect import Dialect, ServerVersion
from cockroach_pipelines.database.errors import (
    AmbiguousCommitError,
    AuthenticationError,
    CancelledError,
    ConnectionFailedError,
    ConnectionLostError,
    ConstraintError,
    DatabaseError,
    InvalidStatementError,
    JVMError,
    PermissionDeniedError,
    PoolTimeoutError,
    ReadOnlyError,
    Recovery,
    SerializationError,
    ServerMessage,
    StatementError,
    statement_error,
)
from cockroach_pipelines.database.interruptible import call_interruptibly
from cockroach_pipelines.database.jvm import JVMManager
from cockroach_pipelines.database.kerberos import (
    KerberosAuthenticator,
    KerberosCause,
    KerberosError,
    examine_krb5_conf,
    examine_login_source,
    used_gss,
)
from cockroach_pipelines.database.pool import ConnectionManager

__all__ = [
    "AmbiguousCommitError",
    "AsOf",
    "AuthenticationError",
    "BaseConnection",
    "CancelledError",
    "CockroachDBConnection",
    "ConnectionFailedError",
    "ConnectionLostError",
    "ConnectionManager",
    "Connector",
    "ConstraintError",
    "DatabaseError",
    "Dialect",
    "InvalidStatementError",
    "JVMError",
    "JVMManager",
    "KerberosAuthenticator",
    "KerberosCause",
    "KerberosError",
    "PermissionDeniedError",
    "PoolTimeoutError",
    "ReadOnlyError",
    "Recovery",
    "SerializationError",
    "ServerMessage",
    "ServerVersion",
    "StatementError",
    "call_interruptibly",
    "connect",
    "examine_krb5_conf",
    "examine_login_source",
    "statement_error",
    "used_gss",
]
