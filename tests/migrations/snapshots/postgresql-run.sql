SELECT version();
SET client_connection_check_interval = '10s';
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;SET application_name = 'cockroach_pipelines';SET LOCAL TIME ZONE 'UTC';
SELECT c.relname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = ? AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'e');
SELECT version();
SET client_connection_check_interval = '10s';
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;SET application_name = 'cockroach_pipelines';SET LOCAL TIME ZONE 'UTC';
SELECT c.relname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = ? AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'e');
SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = ?;
SELECT set_config('application_name', ?, false);
SET TIME ZONE 'UTC';
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
SELECT version();
SET client_connection_check_interval = '10s';
RESET timezone;
SELECT version();
SET client_connection_check_interval = '10s';
SET TRANSACTION READ WRITE;SET application_name = 'cockroach_pipelines';SET LOCAL TIME ZONE 'UTC';
INSERT INTO "public"."flyway_schema_history_lease" AS lease (name, owner, token, acquired_on, expires_on) VALUES (?, ?, ?, now(), now() + CAST(? AS float8) * INTERVAL '1 second') ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, token = excluded.token, acquired_on = excluded.acquired_on, expires_on = excluded.expires_on WHERE lease.expires_on <= now() OR lease.token = excluded.token;
SELECT version();
SET client_connection_check_interval = '10s';
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;SET application_name = 'cockroach_pipelines';SET LOCAL TIME ZONE 'UTC';
SELECT c.relname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = ? AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'e');
SELECT installed_rank, sha256 FROM "public"."flyway_schema_history_files";
SELECT script, statement, fingerprint, state, started_on, jobs, error FROM "public"."flyway_schema_history_statements";
SELECT installed_rank, version, description, type, script, checksum, installed_by, installed_on, execution_time, success FROM "public"."flyway_schema_history" WHERE installed_rank >= 0 ORDER BY installed_rank;
SELECT 1 FROM "public"."flyway_schema_history" WHERE installed_rank = ? AND installed_on > now()::timestamp - ?::float8 * INTERVAL '1 second';
SELECT version();
SET client_connection_check_interval = '10s';
SET TRANSACTION READ WRITE;SET application_name = 'cockroach_pipelines';SET LOCAL TIME ZONE 'UTC';
SELECT pg_backend_pid();
CREATE TABLE IF NOT EXISTS public.a (id int);
INSERT INTO "public"."flyway_schema_history" (installed_rank, version, description, type, script, checksum, installed_by, execution_time, success) VALUES (?, ?, ?, ?, ?, ?, session_user, ?, ?);
DELETE FROM "public"."flyway_schema_history_files" WHERE installed_rank = ?;
INSERT INTO "public"."flyway_schema_history_files" (installed_rank, sha256, statements) VALUES (?, ?, ?);
DELETE FROM "public"."flyway_schema_history_statements" WHERE script = ?;
SELECT version();
SET client_connection_check_interval = '10s';
SET TRANSACTION READ WRITE;SET application_name = 'cockroach_pipelines';SET LOCAL TIME ZONE 'UTC';
SELECT pg_backend_pid();
INSERT INTO public.a VALUES (1);
INSERT INTO "public"."flyway_schema_history" (installed_rank, version, description, type, script, checksum, installed_by, execution_time, success) VALUES (?, ?, ?, ?, ?, ?, session_user, ?, ?);
DELETE FROM "public"."flyway_schema_history_files" WHERE installed_rank = ?;
INSERT INTO "public"."flyway_schema_history_files" (installed_rank, sha256, statements) VALUES (?, ?, ?);
DELETE FROM "public"."flyway_schema_history_statements" WHERE script = ?;
SELECT version();
SET client_connection_check_interval = '10s';
SET TRANSACTION READ WRITE;SET application_name = 'cockroach_pipelines';SET LOCAL TIME ZONE 'UTC';
SELECT pg_backend_pid();
SET lock_timeout = '10s';
CREATE INDEX i ON public.a (id);
INSERT INTO "public"."flyway_schema_history" (installed_rank, version, description, type, script, checksum, installed_by, execution_time, success) VALUES (?, ?, ?, ?, ?, ?, session_user, ?, ?);
DELETE FROM "public"."flyway_schema_history_files" WHERE installed_rank = ?;
INSERT INTO "public"."flyway_schema_history_files" (installed_rank, sha256, statements) VALUES (?, ?, ?);
DELETE FROM "public"."flyway_schema_history_statements" WHERE script = ?;
SELECT version();
SET client_connection_check_interval = '10s';
SET TRANSACTION READ WRITE;SET application_name = 'cockroach_pipelines';SET LOCAL TIME ZONE 'UTC';
DELETE FROM "public"."flyway_schema_history_lease" WHERE name = ? AND token = ?;
