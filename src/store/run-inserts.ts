import type { ExperimentRow, NewRun, OwnerId } from '../model/index.ts';
import type { Statements } from './connection.ts';

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
