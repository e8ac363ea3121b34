import type { EarlierRow, FingerprintStore, RunId } from '../../model/index.ts';
import type { CodeBook } from './code-book.ts';
import { comesWithInputs } from './components.ts';

/** Components that are told before one says how many more there are. */
const TOLD = 3;
/** Earlier attempts that are compared: of the same job, and of others of its task. */
const OF_JOB = 6;
const OF_TASK = 100;
/** Texts longer than this are not told. */
const SHORT = 60;

type Components = Readonly<Record<string, string>>;

/** A job that is compared. */
export interface Compared {
  readonly task: string;
  readonly name: string;
  readonly fingerprint: string;
  readonly components: string;
  /** What comes with its inputs is not known yet. */
  readonly isPartial?: boolean;
}

/** The attempt that is nearest to a job, and by what it differs. */
export interface Nearest {
  readonly row: EarlierRow;
  /** Names of components. */
  readonly differing: readonly string[];
}

/** Finds what differs between a job and the nearest earlier attempt of it, and says it. */
export class Differences {
  readonly #store: FingerprintStore;
  readonly #code: CodeBook;
  readonly #ofTask = new Map<string, readonly EarlierRow[]>();

  constructor(store: FingerprintStore, code: CodeBook) {
    this.#store = store;
    this.#code = code;
  }

  /**
   * The attempt that differs in fewest components, the latest of several: of the same job, else of its task. `of` bounds
   * what is earlier.
   */
  async nearest(
    job: Compared,
    of: { readonly before?: number; readonly except?: RunId } = {},
  ): Promise<Nearest | undefined> {
    const { task, name } = job;
    const own = await this.#store.earlier({ ...of, task, name, limit: OF_JOB });
    return nearestOf(job, own) ?? nearestOf(job, await this.#rowsOfTask(task, of));
  }

  /** As `nearest`, of the same job alone; of one run where that is given. */
  async ofJob(job: Compared, run?: RunId): Promise<readonly Nearest[]> {
    const rows = await this.#store.earlier({
      task: job.task,
      name: job.name,
      limit: run === undefined ? OF_JOB : OF_TASK,
    });
    const nearest = nearestOf(
      job,
      rows.filter((row) => run === undefined || row.run === run || row.fromRun === run),
    );
    return nearest === undefined ? [] : [nearest];
  }

  /** In words: what differs, or that there is nothing to compare with. */
  async say(job: Compared, nearest: Nearest | undefined): Promise<string> {
    if (nearest === undefined) return 'no earlier result';
    const { row, differing } = nearest;
    if (differing.length === 0 && job.isPartial === true) return 'no earlier result';
    if (differing.length === 0) return `${row.run}/${row.name} was the same, and left no result that can be taken`;
    const now = JSON.parse(job.components) as Components;
    const before = JSON.parse(row.components) as Components;
    const told: string[] = [];
    for (const component of differing) told.push(...(await this.#words(component, before[component], now[component])));
    const more = told.length > TOLD ? `, and ${told.length - TOLD} more` : '';
    return `${told.slice(0, TOLD).join('; ')}${more}`;
  }

  async #rowsOfTask(
    task: string,
    of: { readonly before?: number; readonly except?: RunId },
  ): Promise<readonly EarlierRow[]> {
    const key = JSON.stringify([task, of]);
    const known = this.#ofTask.get(key);
    if (known !== undefined) return known;
    const rows = await this.#store.earlier({ ...of, task, limit: OF_TASK });
    this.#ofTask.set(key, rows);
    return rows;
  }

  async #words(component: string, before: string | undefined, now: string | undefined): Promise<readonly string[]> {
    if (component === 'code') return this.#codeWords(before ?? '', now ?? '');
    if (component === 'command') return [commandWords(before ?? '', now ?? '')];
    if (before === undefined) return [`${component} is new`];
    if (now === undefined) return [`${component} is gone`];
    const isTold = [before, now].every((text) => !text.startsWith('#') && text.length <= SHORT);
    return [isTold ? `${component}: ${before} -> ${now}` : `${component} changed`];
  }

  async #codeWords(before: string, now: string): Promise<readonly string[]> {
    const [old, fresh] = await Promise.all([this.#code.files(before), this.#code.files(now)]);
    if (old === undefined || fresh === undefined) return ['code changed'];
    const names = [...new Set([...Object.keys(old), ...Object.keys(fresh)])].sort();
    const words = names.flatMap((name) => {
      if (old[name] === fresh[name]) return [];
      if (old[name] === undefined) return [`${fileName(name)} is new`];
      return [fresh[name] === undefined ? `${fileName(name)} is gone` : `${fileName(name)} changed`];
    });
    return words.length === 0 ? ['code changed'] : words;
  }
}

function fileName(name: string): string {
  if (name.startsWith('npm:')) return `package ${name.slice('npm:'.length)}`;
  return name.startsWith('.') || name.startsWith('/') ? `code of ${name}` : `code of ./${name}`;
}

function nearestOf(job: Compared, rows: readonly EarlierRow[]): Nearest | undefined {
  let best: Nearest | undefined;
  for (const row of rows) {
    // Of a reused result whose source has been removed nothing is known.
    if (row.components === '') continue;
    const differing = row.fingerprint === job.fingerprint ? [] : differingNames(row.components, job);
    if (best === undefined || differing.length < best.differing.length) best = { row, differing };
  }
  return best;
}

/** Names of the components that differ. The count of arguments is told by the arguments themselves, where it is. */
function differingNames(before: string, { components, isPartial = false }: Compared): readonly string[] {
  const old = JSON.parse(before) as Components;
  const fresh = JSON.parse(components) as Components;
  const names = [...new Set([...Object.keys(old), ...Object.keys(fresh)])].filter(
    (name) => old[name] !== fresh[name] && !(isPartial && comesWithInputs(name)),
  );
  const others = names.filter((name) => name !== 'arguments');
  return others.length === 0 ? names : others;
}

/** What of a command's text is another: the words between those that begin and end both. */
function commandWords(before: string, now: string): string {
  if (before.startsWith('#') || now.startsWith('#')) return 'command changed';
  const old = before.split(' ');
  const fresh = now.split(' ');
  let start = 0;
  while (start < old.length && start < fresh.length && old[start] === fresh[start]) start += 1;
  let end = 0;
  while (end < old.length - start && end < fresh.length - start && old.at(-1 - end) === fresh.at(-1 - end)) end += 1;
  const [was, is] = [old, fresh].map((words) => words.slice(start, words.length - end).join(' '));
  if (was === '') return `command: ${cut(is)} is new`;
  return is === '' ? `command: ${cut(was)} is gone` : `command: ${cut(was)} -> ${cut(is)}`;
}

function cut(text = ''): string {
  return text.length <= SHORT ? text : `${text.slice(0, SHORT)}...`;
}

/** Components that say what a task does it with, not what it does it to. */
export function isOfCode(component: string): boolean {
  return ['code', 'function', 'image'].includes(component) || component.startsWith('environment ');
}
