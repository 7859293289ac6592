CREATE TABLE IF NOT EXISTS "public"."flyway_schema_history" (
    installed_rank INT NOT NULL,
    version VARCHAR(50),
    description VARCHAR(200) NOT NULL,
    type VARCHAR(20) NOT NULL,
    script VARCHAR(1000) NOT NULL,
    checksum INTEGER,
    installed_by VARCHAR(100) NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT now(),
    execution_time INTEGER NOT NULL,
    success BOOLEAN NOT NULL,
    CONSTRAINT "flyway_schema_history_pk" PRIMARY KEY (installed_rank)
);
CREATE INDEX IF NOT EXISTS "flyway_schema_history_s_idx" ON "public"."flyway_schema_history" (success);
CREATE TABLE IF NOT EXISTS "public"."flyway_schema_history_files" (
    installed_rank INT NOT NULL PRIMARY KEY,
    sha256 VARCHAR(64) NOT NULL,
    statements INT NOT NULL
);
CREATE TABLE IF NOT EXISTS "public"."flyway_schema_history_statements" (
    script VARCHAR(1000) NOT NULL,
    statement INT NOT NULL,
    fingerprint VARCHAR(64) NOT NULL,
    state VARCHAR(20) NOT NULL,
    started_on TIMESTAMPTZ NOT NULL DEFAULT now(),
    finished_on TIMESTAMPTZ,
    jobs VARCHAR(1000) NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (script, statement)
);
CREATE TABLE IF NOT EXISTS "public"."flyway_schema_history_lease" (
    name VARCHAR(100) NOT NULL PRIMARY KEY,
    owner VARCHAR(500) NOT NULL,
    token VARCHAR(36) NOT NULL,
    acquired_on TIMESTAMPTZ NOT NULL,
    expires_on TIMESTAMPTZ NOT NULL
);
