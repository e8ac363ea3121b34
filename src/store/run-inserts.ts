import type { ExperimentRow, NewRun, OwnerId, RunId } from '../model/index.ts';
import type { Statements } from './connection.ts';
import { pointTaken } from './store-rules.ts';

/** Adds the row of a run, owned at epoch 1; returns its key. */
export function insertRun(
  statements: Statements,
  run: NewRun,
  { state, owner }: { readonly state: 'writing' | 'ready'; readonly owner: OwnerId },
): number {
  const { id, name, status, detail, size, createdAt, startedAt, endedAt, fingerprint, settings } = run;
  const columns =
    'id, state, name, status, detail, size, created_at, started_at, ended_at, fingerprint, settings, experiment, point, owner, epoch, segments';
  const added = statements
    .get(`INSERT INTO runs (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 1)`)
    .run(
      ...[id, state, name, status, detail, size, createdAt, startedAt, endedAt, fingerprint, settings],
      ...[run.experiment, run.point, owner],
    );
  return Number(added.lastInsertRowid);
}

/** Adds an experiment, or replaces the one of that name. */
export function insertExperiment(statements: Statements, experiment: ExperimentRow): void {
  const { name, createdAt, updatedAt, wish, settings } = experiment;
  statements
    .get('INSERT OR REPLACE INTO experiments VALUES (?, ?, ?, ?, ?)')
    .run(name, createdAt, updatedAt, wish, settings);
}

/**
 * Refuses a run whose point has another one than those it knows of; one that is still being written counts too.
 *
 * @throws {HeddleError} STATE_CONFLICT
 */
export function refuseBeside(statements: Statements, { experiment, point, beside }: NewRun): void {
  if (beside === undefined || experiment === '') return;
  const sql = "SELECT id FROM runs WHERE experiment = ? AND point = ? AND experiment <> '' AND state <> 'deleting'";
  const other = statements.rows(sql, experiment, point).find(([id]) => !beside.includes(id as RunId));
  if (other !== undefined) throw pointTaken(other[0] as RunId, experiment);
}
