"""A history as Flyway writes it, without Flyway: the tables and rows of version 10 on PostgreSQL."""

from __future__ import annotations

from tests.peers.postgres import PostgresServer

TABLE = """
CREATE TABLE {schema}.flyway_schema_history (
    "installed_rank" INT NOT NULL,
    "version" VARCHAR(50),
    "description" VARCHAR(200) NOT NULL,
    "type" VARCHAR(20) NOT NULL,
    "script" VARCHAR(1000) NOT NULL,
    "checksum" INTEGER,
    "installed_by" VARCHAR(100) NOT NULL,
    "installed_on" TIMESTAMP NOT NULL DEFAULT now(),
    "execution_time" INTEGER NOT NULL,
    "success" BOOLEAN NOT NULL
);
ALTER TABLE {schema}.flyway_schema_history ADD CONSTRAINT "flyway_schema_history_pk" PRIMARY KEY ("installed_rank");
CREATE INDEX "flyway_schema_history_s_idx" ON {schema}.flyway_schema_history ("success");
ALTER TABLE {schema}.flyway_schema_history OWNER TO tester;
"""


def flyway_history(server: PostgresServer, schema: str, rows: str) -> None:
    """Make Flyway's table and its rows: rank, version, description, type, script, checksum, user, ms, success."""
    server.psql(
        TABLE.format(schema=schema)
        + f"INSERT INTO {schema}.flyway_schema_history (installed_rank, version, description, type, script, checksum, "
        f"installed_by, execution_time, success) VALUES {rows}"
    )
