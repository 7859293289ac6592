"""Folders of SQL as a governed, observable, Kerberos-authenticated pipeline on CockroachDB.

The names below are imported when they are first used: the database part works where Dagster is not wanted.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cockroach_pipelines.config import ConfigManager
    from cockroach_pipelines.database import CockroachDBConnection, ConnectionManager
    from cockroach_pipelines.execution import BatchExecutor, QueryExecutor, TransactionalExecutor
    from cockroach_pipelines.orchestration import (
        CockroachDBResource,
        ParquetIOManager,
        SqlFolderComponent,
        SqlTranslator,
        build_definitions,
        build_sql_assets,
        build_sql_definitions,
    )
    from cockroach_pipelines.queries import SQLRepository

_MODULES = {
    "config": ("ConfigManager",),
    "database": ("CockroachDBConnection", "ConnectionManager"),
    "execution": ("BatchExecutor", "QueryExecutor", "TransactionalExecutor"),
    "orchestration": (
        "CockroachDBResource",
        "ParquetIOManager",
        "SqlFolderComponent",
        "SqlTranslator",
        "build_definitions",
        "build_sql_assets",
        "build_sql_definitions",
    ),
    "queries": ("SQLRepository",),
}
_HOME = {name: f"{__name__}.{module}" for module, names in _MODULES.items() for name in names}

__all__ = [
    "BatchExecutor",
    "CockroachDBConnection",
    "CockroachDBResource",
    "ConfigManager",
    "ConnectionManager",
    "ParquetIOManager",
    "QueryExecutor",
    "SQLRepository",
    "SqlFolderComponent",
    "SqlTranslator",
    "TransactionalExecutor",
    "build_definitions",
    "build_sql_assets",
    "build_sql_definitions",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
