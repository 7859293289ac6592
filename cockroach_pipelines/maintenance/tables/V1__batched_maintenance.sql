-- Where batched maintenance keeps its place, and what it did. Valid on CockroachDB and PostgreSQL.
CREATE SCHEMA IF NOT EXISTS cockroach_pipelines;

-- Who runs a job, and until when nobody else may.
CREATE TABLE IF NOT EXISTS cockroach_pipelines.maintenance_leases (
    job text NOT NULL PRIMARY KEY,
    owner text NOT NULL,
    token text NOT NULL,
    acquired_at timestamptz NOT NULL,
    heartbeat_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

-- How far a job's pass through its table is. `question` is a hash of what it does with which values; only the holder of
-- `token` moves it, in the transaction of a batch.
CREATE TABLE IF NOT EXISTS cockroach_pipelines.maintenance_cursors (
    job text NOT NULL PRIMARY KEY,
    token text NOT NULL,
    question text NOT NULL,
    last_key text,
    row_count int8 NOT NULL,
    batch_count int8 NOT NULL,
    batch_size int8 NOT NULL,
    resumes int8 NOT NULL,
    estimated int8,
    finished boolean NOT NULL,
    started_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

-- One row a run: of the first look at a file, or of batches.
CREATE TABLE IF NOT EXISTS cockroach_pipelines.maintenance_runs (
    job text NOT NULL,
    run text NOT NULL,
    code_version text NOT NULL,
    dry_run boolean NOT NULL,
    owner text NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    end_reason text,
    message text,
    row_count int8 NOT NULL,
    batch_count int8 NOT NULL,
    PRIMARY KEY (job, run)
);

-- One row a batch, written in its transaction. Keys are JSON lists of their texts.
CREATE TABLE IF NOT EXISTS cockroach_pipelines.maintenance_batches (
    job text NOT NULL,
    run text NOT NULL,
    batch int8 NOT NULL,
    committed_at timestamptz NOT NULL,
    seconds float8 NOT NULL,
    row_count int8 NOT NULL,
    batch_size int8 NOT NULL,
    after_key text,
    last_key text,
    archive text,
    PRIMARY KEY (job, run, batch)
);

-- Which version of a file may change data.
CREATE TABLE IF NOT EXISTS cockroach_pipelines.maintenance_arming (
    name text NOT NULL PRIMARY KEY,
    code_version text NOT NULL,
    armed_at timestamptz NOT NULL,
    armed_by text NOT NULL
);

-- What is not to run: a file's name, or * for all.
CREATE TABLE IF NOT EXISTS cockroach_pipelines.maintenance_pauses (
    name text NOT NULL PRIMARY KEY,
    paused_at timestamptz NOT NULL,
    paused_by text NOT NULL,
    reason text NOT NULL
);
