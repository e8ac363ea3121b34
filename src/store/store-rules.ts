import { HeddleError, type OwnerId, type RunCommit, type RunFilter, type RunId, type RunRow } from '../model/index.ts';

/** What a run's row must say for a commit to apply. */
export interface CommitGround {
  readonly owner: OwnerId | '';
  readonly epoch: number;
  readonly seq: number;
  readonly size: number;
}

/** What of a commit must fit the run's row. */
export interface FittedCommit extends Pick<RunCommit, 'run' | 'owner' | 'epoch' | 'firstSeq' | 'segments'> {
  readonly transitions: { readonly length: number };
}

/**
 * The run's row, when the commit fits it. Numbers that do not follow are refused too: that is how a commit sent
 * a second time after an uncertain end shows itself.
 *
 * @throws {HeddleError} RUN_NOT_OWNED, STATE_CONFLICT
 */
export function fittingGround<Ground extends CommitGround>(commit: FittedCommit, ground: Ground | undefined): Ground {
  if (ground === undefined || ground.owner !== commit.owner || ground.epoch !== commit.epoch) {
    throw notOwned(commit, ground);
  }
  if (commit.transitions.length > 0 && commit.firstSeq !== ground.seq + 1) {
    throw doesNotFollow(commit.run, `transition ${commit.firstSeq}`, `transition ${ground.seq}`);
  }
  let size = ground.size;
  for (const segment of commit.segments) {
    if (segment.base !== size) throw doesNotFollow(commit.run, `a segment at job ${segment.base}`, `${size} jobs`);
    size += segment.size;
  }
  return ground;
}

function doesNotFollow(run: RunId, what: string, last: string): HeddleError {
  return new HeddleError('STATE_CONFLICT', `run ${run}: ${what} does not follow ${last}`, {
    details: { run },
    hint: 'read the run before writing it again',
  });
}

function notOwned(commit: FittedCommit, ground: CommitGround | undefined): HeddleError {
  const now =
    ground === undefined ? 'is not there' : `is owned by ${ground.owner || 'nobody'} at epoch ${ground.epoch}`;
  return new HeddleError('RUN_NOT_OWNED', `run ${commit.run} ${now}, not by ${commit.owner} at epoch ${commit.epoch}`, {
    details: { run: commit.run, owner: commit.owner, epoch: commit.epoch, found: ground },
    hint: 'it was taken over; stop working on it',
  });
}

/** The error for a run that is not in the store, or no longer. */
export function runNotFound(run: RunId): HeddleError {
  return new HeddleError('RUN_NOT_FOUND', `no run ${run} in this store`, {
    details: { run },
    hint: 'see `heddle runs`',
  });
}

/** The error for adding a run a second time. */
export function runExists(run: RunId): HeddleError {
  return new HeddleError('STATE_CONFLICT', `the run ${run} is in this store already`, { details: { run } });
}

/** The error for starting a point of an experiment that somebody else has started. */
export function pointTaken(taken: RunId, experiment: string): HeddleError {
  return new HeddleError('STATE_CONFLICT', `the run ${taken} is of the same point of experiment '${experiment}'`, {
    details: { taken, experiment },
    hint: `heddle show ${taken} says how it stands`,
  });
}

/** The error for removing a run somebody works on. */
export function runOwned(run: RunId, owner: OwnerId, remedy?: string): HeddleError {
  return new HeddleError('RUN_OWNED', `the run ${run} is owned by ${owner}, which is alive`, {
    details: { run, owner },
    hint: `let it end or cancel it first${remedy === undefined ? '' : `; ${remedy}`}`,
  });
}

/** The error for giving up a run one does not own. */
export function notYours(run: RunId, owner: OwnerId, epoch: number): HeddleError {
  return new HeddleError('RUN_NOT_OWNED', `run ${run} is not owned by ${owner} at epoch ${epoch}`, {
    details: { run, owner, epoch },
  });
}

/** The runs a filter lets through, newest first: ids sort by time. */
export function filterRuns(rows: readonly RunRow[], filter: RunFilter): RunRow[] {
  const { statuses, name, experiment, before, limit = Number.POSITIVE_INFINITY } = filter;
  return rows
    .filter((row) => statuses === undefined || statuses.includes(row.status))
    .filter((row) => name === undefined || row.name === name)
    .filter((row) => experiment === undefined || (row.experiment === experiment && experiment !== ''))
    .filter((row) => before === undefined || row.id < before)
    .toSorted((a, b) => (a.id < b.id ? 1 : -1))
    .slice(0, limit);
}
