import type { RunId, Store } from '../../model/index.ts';
import { CodeBook } from './code-book.ts';
import { Differences } from './differences.ts';

/** Why a job ran, or did not. */
export interface CacheExplanation {
  /** In words. */
  readonly because: string;
  readonly fingerprint?: string;
  /** What it was made of: text by the name of the component. */
  readonly components?: Readonly<Record<string, string>>;
  /** Whose result was taken: `RUN/JOB`. */
  readonly from?: string;
  /** The attempt it was compared with, `RUN/JOB`, and what was different. */
  readonly comparedWith?: string;
  readonly differing?: readonly string[];
}

/** Whose result a job of a run has taken, as `{ run, job }`; undefined where it ran. */
export async function reusedFrom(
  store: Store,
  run: RunId,
  index: number,
): Promise<{ readonly run: RunId; readonly job: string } | undefined> {
  const [row] = (await store.fingerprints?.of(run, [index])) ?? [];
  if (row === undefined || row.fromRun === '') return undefined;
  const [source] = (await store.fingerprints?.of(row.fromRun, [row.fromJob]).catch(() => [])) ?? [];
  return { run: row.fromRun, job: source?.name ?? row.name };
}

/**
 * Says why a job of a run ran or took an earlier result: the component that differs from the nearest earlier attempt.
 * Undefined where nothing is known of what it was made of.
 */
export async function explainCache(store: Store, run: RunId, index: number): Promise<CacheExplanation | undefined> {
  const { fingerprints } = store;
  const [row] = (await fingerprints?.of(run, [index])) ?? [];
  if (row === undefined || fingerprints === undefined) return undefined;
  const known = {
    fingerprint: row.fingerprint,
    components: JSON.parse(row.components || '{}') as Readonly<Record<string, string>>,
  };
  const source = await reusedFrom(store, run, index);
  if (source !== undefined) {
    const from = `${source.run}/${source.job}`;
    return { because: `it is what ${from} was: its result was taken`, from, ...known };
  }
  if (row.note !== '') return { because: row.note, ...known };
  const differences = new Differences(fingerprints, new CodeBook(fingerprints));
  const nearest = await differences.nearest(row, { before: row.at, except: run });
  return {
    because: await differences.say(row, nearest),
    ...known,
    ...(nearest === undefined
      ? {}
      : { comparedWith: `${nearest.row.run}/${nearest.row.name}`, differing: nearest.differing }),
  };
}
