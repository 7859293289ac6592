"""Another client of a server, which shares no code with the project and needs no Java."""

from __future__ import annotations

from typing import Any

import psycopg

from cockroach_pipelines.config import DatabaseConfig
from cockroach_pipelines.embedded import Endpoint


def connect_by_psycopg(place: DatabaseConfig | Endpoint, **settings: Any) -> psycopg.Connection[Any]:
    """Log in by password, without transactions unless `settings`, which are psycopg's, say otherwise."""
    assert place.password is not None
    given = {
        "host": place.host,
        "port": place.port,
        "dbname": place.database,
        "user": place.user,
        "password": place.password.get_secret_value(),
        "autocommit": True,
    }
    return psycopg.connect(**{**given, **settings})
