"""Connections by name, embedded ones among them."""

from __future__ import annotations

from collections.abc import Mapping

from cockroach_pipelines.config import DatabaseConfig
from cockroach_pipelines.database.pool import ConnectionManager
from cockroach_pipelines.embedded.connections import embedded_config


def connection_manager(configs: Mapping[str, DatabaseConfig]) -> ConnectionManager:
    """Give a manager that starts an embedded database when one of its connections is first lent."""
    return ConnectionManager(configs, start_embedded=embedded_config)
