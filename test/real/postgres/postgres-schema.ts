/** The tables of `src/store/schema.ts` in PostgreSQL's words. An owner has a number: that of its advisory lock. */
export const SCHEMA = `
  CREATE TABLE runs (
    run_key serial PRIMARY KEY, id text UNIQUE NOT NULL COLLATE "C", name text NOT NULL, status text NOT NULL,
    detail text NOT NULL, size bigint NOT NULL, created_at float8 NOT NULL, started_at float8 NOT NULL,
    ended_at float8 NOT NULL, fingerprint text NOT NULL, settings text NOT NULL, owner text NOT NULL,
    epoch int NOT NULL, segments int NOT NULL, experiment text NOT NULL COLLATE "C", point text NOT NULL
  );
  CREATE TABLE experiments (
    name text PRIMARY KEY COLLATE "C", created_at float8 NOT NULL, updated_at float8 NOT NULL, wish text NOT NULL,
    settings text NOT NULL
  );
  CREATE TABLE graphs (
    run_key int REFERENCES runs ON DELETE CASCADE, segment int, position bigint, crc bigint NOT NULL, data bytea NOT NULL,
    PRIMARY KEY (run_key, segment, position)
  );
  CREATE TABLE jobs (
    run_key int REFERENCES runs ON DELETE CASCADE, job int, status text, detail text, fence int, charged int, losses int,
    attempt text, backend text, "grant" text, submission text, element int, handle text, granted_at float8,
    started_at float8, ended_at float8, wake_at float8, flags int, outcome text, PRIMARY KEY (run_key, job)
  );
  CREATE TABLE attempts (
    run_key int REFERENCES runs ON DELETE CASCADE, job int, fence int, attempt text, backend text, "grant" text,
    handle text, granted_at float8, started_at float8, ended_at float8, outcome text, PRIMARY KEY (run_key, job, fence)
  );
  CREATE TABLE vals (
    run_key int REFERENCES runs ON DELETE CASCADE, job int, codec text, body text, bytes bytea, inner_codec text,
    size bigint, PRIMARY KEY (run_key, job)
  );
  CREATE TABLE submissions (
    run_key int REFERENCES runs ON DELETE CASCADE, id text COLLATE "C", backend text, handle text, at float8,
    PRIMARY KEY (run_key, id)
  );
  CREATE TABLE journal (
    run_key int REFERENCES runs ON DELETE CASCADE, first_seq bigint, count int, data bytea, PRIMARY KEY (run_key, first_seq)
  );
  CREATE TABLE owners (owner text PRIMARY KEY, lock serial, host text NOT NULL, pid int NOT NULL);
`;

/** The columns of a row of jobs after its run, in order, with the type a JSON record is read as. */
export const JOB_RECORD = `job int, status text, detail text, fence int, charged int, losses int, attempt text,
  backend text, "grant" text, submission text, element int, handle text, "grantedAt" float8, "startedAt" float8,
  "endedAt" float8, "wakeAt" float8, flags int, outcome text`;
