-- Who runs a job, and until when nobody else may: in the shape of every lease of this package.
CREATE TABLE IF NOT EXISTS cockroach_pipelines.maintenance_holders (
    name text NOT NULL PRIMARY KEY,
    owner text NOT NULL,
    token text NOT NULL,
    acquired_on timestamptz NOT NULL,
    expires_on timestamptz NOT NULL
);

-- A process of an older version that still runs a job loses it here; its cursor stays where its last batch ended.
DROP TABLE IF EXISTS cockroach_pipelines.maintenance_leases;
