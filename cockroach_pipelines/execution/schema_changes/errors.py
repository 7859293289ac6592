"""What can go wrong while a schema is changed."""

from __future__ import annotations

from cockroach_pipelines.database import DatabaseError


class SchemaChangeError(DatabaseError):
    """A migration cannot go on."""


class StatementInDoubtError(SchemaChangeError):
    """Nobody knows whether a statement ran: the connection was lost, or its process ended, while it did."""


class SchemaChangeJobError(SchemaChangeError):
    """The job of a schema change ended without success after its connection had been lost."""
