import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { basename, isAbsolute, join, relative } from 'node:path';
import { FileHasher } from '../../files/index.ts';
import {
  asError,
  type AttemptId,
  type BackendContext,
  HeddleError,
  type ResolvedInput,
  type SubmissionId,
  type Timer,
} from '../../model/index.ts';
import { EXIT_FILE, STDERR_FILE, STDOUT_FILE } from '../../process/index.ts';
import { CONTAINER_FILE } from '../containers/index.ts';
import type { Depot, DepotDirectory, DepotFile } from '../depot/index.ts';
import type { Transport } from '../transport/index.ts';
import { readExitRecord, WorkDirectories, wrapperScript } from '../workdir/index.ts';
import { boundText, hashText, looksText, readHashes, readTraces, tracesText } from './depot-scripts.ts';
import type { CommandOrder } from './native-plan.ts';
import type { RemoteAttempt } from './remote-attempt.ts';
import type { RemoteSettings } from './settings.ts';
import { WRAPPER_NAME } from './shared-site.ts';
import type { Leavings, Preparation, Site, SiteAnswer, SiteFailure, Trace, Unfit } from './site.ts';
import { inTurns } from './turns.ts';
import { writeWhole } from './whole-file.ts';
import { within } from './within.ts';

export interface DepotSiteOptions {
  /** Of the target. */
  readonly name: string;
  readonly context: BackendContext;
  readonly transport: Transport;
  readonly depot: Depot;
  readonly settings: RemoteSettings;
}

/** Removals over there go together. */
const REMOVE_TOGETHER_MS = 2000;
const CLOSE_WITHIN_MS = 5000;
/** Large files take their time. */
const HASH_WITHIN_MS = 30 * 60_000;
/** What changed on its way, or while something still wrote it, is brought once more. */
const BRING_TRIES = 2;

/**
 * A target with a file system of its own: `ROOT/work/<store>/` there mirrors this store's directories. What attempts need is sent
 * in one go for a batch, and what they leave is brought into their directories here.
 */
export class DepotSite implements Site {
  readonly #options: DepotSiteOptions;
  readonly #hasher: FileHasher;
  /** What was made over there, by attempt: its directory, and the home of its submission. */
  readonly #made = new Map<string, { readonly there: string; readonly home: string }>();
  readonly #homes = new Map<string, number>();
  /** Marks that are not wanted any more; those the look under way removes. */
  #spent = new Set<string>();
  #removing: readonly string[] = [];
  #doomed: string[] = [];
  #timer: Timer | undefined;
  #base = '';
  #opening: Promise<SiteAnswer> | undefined;

  constructor(options: DepotSiteOptions) {
    this.#options = options;
    this.#hasher = new FileHasher(() => options.context.clock.now().wall);
  }

  get marks(): string {
    return `${this.#base}/ended`;
  }

  get wrapper(): string {
    return `${this.#base}/${WRAPPER_NAME}`;
  }

  get #project(): string {
    return this.#options.settings.project ?? `${this.#base}/project`;
  }

  async open(): Promise<SiteAnswer> {
    if (this.#base !== '') return { kind: 'done' };
    const opening = (this.#opening ??= this.#open());
    try {
      return await opening;
    } finally {
      this.#opening = undefined;
    }
  }

  homeOf(submission: SubmissionId): string {
    return `${this.#base}/submissions/${submission}`;
  }

  directoryOf(directory: string): string {
    return `${this.#base}/${relative(this.#options.context.directory, directory)}`;
  }

  async prepare({ orders, home, files }: Preparation): Promise<{ answer: SiteAnswer; unfit: readonly Unfit[] }> {
    const { context, depot, name } = this.#options;
    const unfit: Unfit[] = [];
    const directories: DepotDirectory[] = [];
    const preparing = new WorkDirectories({ store: context.directory, project: this.#project });
    const broken: unknown[] = [];
    await inTurns(context.clock, orders, async (one) => {
      try {
        directories.push(await this.#directory(one, preparing));
        this.#made.set(one.order.attempt, { there: this.directoryOf(one.order.directory), home });
        this.#homes.set(home, (this.#homes.get(home) ?? 0) + 1);
      } catch (error) {
        if (HeddleError.is(error)) unfit.push({ order: one.order, why: error.message });
        else broken.push(error);
      }
    });
    if (broken.length > 0)
      return { answer: { kind: 'refused', why: asError(broken[0]).message, retryable: true }, unfit };
    if (files.length > 0) {
      // They are kept here too: what was submitted can be read where its results are.
      const folder = join(context.directory, 'targets', name, basename(home));
      for (const { name: file, text } of files) writeWhole(join(folder, file), text);
      directories.push({ at: home, files: files.map((file) => ({ name: file.name, from: join(folder, file.name) })) });
    }
    return { answer: await depot.send(directories), unfit };
  }

  lookText(): string {
    if (this.#base === '') return '';
    this.#removing = [...this.#spent];
    return looksText(this.marks, this.#removing);
  }

  async ended(
    said: string,
    find: (attempt: AttemptId) => RemoteAttempt | undefined,
  ): Promise<readonly RemoteAttempt[]> {
    for (const name of this.#removing) this.#spent.delete(name);
    const ended: RemoteAttempt[] = [];
    await inTurns(this.#options.context.clock, said.split('\n'), (line) => {
      const [id = '', word = ''] = line.split(' ', 2);
      const attempt = word === '' ? undefined : find(id as AttemptId);
      // Marks of whom nobody knows here are another engine's on this store.
      if (attempt === undefined || !keepRecord(attempt, line.slice(id.length + word.length + 2))) return;
      attempt.isMute = word === 'mute';
      this.#spent.add(attempt.attempt);
      ended.push(attempt);
    });
    return ended;
  }

  async traces(
    attempts: readonly RemoteAttempt[],
    { fence }: { readonly fence: boolean },
  ): Promise<{ kind: 'done'; traces: readonly Trace[] } | SiteFailure> {
    if (attempts.length === 0) return { kind: 'done', traces: [] };
    const ready = await this.open();
    if (ready.kind !== 'done') return ready;
    const answer = await this.#options.transport.run(tracesText(attempts, fence));
    if (answer.kind !== 'ended') return answer;
    const said = readTraces(Buffer.from(answer.stdout).toString('utf8'));
    if (said === undefined) return { kind: 'unreachable', why: `it could not be looked at: ${answer.stderr.trim()}` };
    const traces = attempts.map((attempt): Trace => {
      if (!this.#made.has(attempt.attempt)) this.#made.set(attempt.attempt, { there: attempt.there, home: '' });
      const [kind, text = ''] = said.get(attempt.attempt) ?? ['none'];
      if (kind === 'ended' && keepRecord(attempt, text)) return { kind: 'ended' };
      if (kind === 'claimed') return { kind: 'claimed', startedAt: Number(text) || undefined };
      return { kind: kind === 'none' ? 'none' : 'claimed', startedAt: undefined } as Trace;
    });
    return { kind: 'done', traces };
  }

  async bring(all: readonly Leavings[]): Promise<{ answer: SiteAnswer; spoilt: readonly RemoteAttempt[] }> {
    const { transport } = this.#options;
    const leavings = all.filter(({ attempt, hasOutputs }) => hasOutputs || !attempt.isMute);
    if (leavings.length === 0) return { answer: { kind: 'done' }, spoilt: [] };
    // Lists have a line for each.
    const outputs = leavings.flatMap(({ attempt, hasOutputs }) =>
      hasOutputs ? attempt.work.outputs.flatMap(({ path }) => (path.includes('\n') ? [] : { attempt, path })) : [],
    );
    const listed = outputs.map(({ attempt, path }) => `${attempt.there}/${path}`);
    const bounds = boundText(leavings.map(({ attempt }) => attempt));
    const said = await transport.run(`${bounds}${hashText(listed)}`, { timeoutMs: HASH_WITHIN_MS });
    if (said.kind !== 'ended') return { answer: said, spoilt: [] };
    const hashes = readHashes(Buffer.from(said.stdout).toString('utf8'));
    let wanted = leavings;
    let spoilt = new Set<RemoteAttempt>();
    for (let tries = 0; tries < BRING_TRIES && wanted.length > 0; tries += 1) {
      const answer = await this.#fetch(wanted);
      if (answer.kind !== 'done') return { answer, spoilt: [] };
      spoilt = new Set<RemoteAttempt>();
      for (const [i, { attempt, path }] of outputs.entries()) {
        const hash = hashes.get(i);
        if (hash !== undefined && hash !== (await this.#hashOf(join(attempt.here, path)))) spoilt.add(attempt);
      }
      wanted = leavings.filter(({ attempt }) => spoilt.has(attempt));
    }
    return { answer: { kind: 'done' }, spoilt: [...spoilt] };
  }

  release(attempts: readonly string[]): void {
    for (const attempt of attempts) {
      const made = this.#made.get(attempt);
      if (made === undefined) continue;
      this.#made.delete(attempt);
      this.#spent.add(attempt);
      this.#doomed.push(made.there);
      const left = (this.#homes.get(made.home) ?? 0) - 1;
      if (left > 0) this.#homes.set(made.home, left);
      else if (this.#homes.delete(made.home) && made.home !== '') this.#doomed.push(made.home);
    }
    if (this.#doomed.length === 0) return;
    this.#timer ??= this.#options.context.clock.after(REMOVE_TOGETHER_MS, () => {
      this.#timer = undefined;
      void this.#remove();
    });
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    if (this.#doomed.length > 0) await within(this.#options.context.clock, CLOSE_WITHIN_MS, this.#remove());
  }

  async #open(): Promise<SiteAnswer> {
    const { context, depot, name } = this.#options;
    if (context.directory === '') return { kind: 'refused', why: 'a target needs a store on a disk', retryable: false };
    const root = await depot.root();
    if (root.kind !== 'done') return root;
    const base = `${root.path}/work/${storeId(context.directory)}`;
    const wrapper = join(context.directory, 'targets', name, WRAPPER_NAME);
    writeWhole(wrapper, wrapperScript());
    const answer = await depot.send([
      { at: base, files: [{ name: WRAPPER_NAME, from: wrapper, executable: true }] },
      { at: `${base}/ended`, files: [] },
      ...(await this.#tools(`${base}/project`)),
    ]);
    if (answer.kind === 'done') this.#base = base;
    return answer;
  }

  async #fetch(leavings: readonly Leavings[]): Promise<SiteAnswer> {
    return await this.#options.depot.fetch(
      leavings.map(({ attempt: { here, there, work }, hasOutputs }) => ({
        from: there,
        to: here,
        files: [STDOUT_FILE, STDERR_FILE, CONTAINER_FILE, ...(hasOutputs ? work.outputs.map(({ path }) => path) : [])],
      })),
    );
  }

  /** Undefined of what is no file here: who collects outputs says so. */
  async #hashOf(path: string): Promise<string | undefined> {
    try {
      return (await this.#identify(path)).sha256;
    } catch {
      return undefined;
    }
  }

  async #remove(): Promise<void> {
    const doomed = this.#doomed.splice(0);
    const answer = await this.#options.depot.remove(doomed);
    // It is tried again with the next.
    if (answer.kind !== 'done') this.#doomed.push(...doomed);
  }

  async #directory({ order, work }: CommandOrder, preparing: WorkDirectories): Promise<DepotDirectory> {
    const { directory } = order;
    preparing.prepare(order, work);
    const own = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isFile());
    const files: DepotFile[] = own.map(({ name }) => ({ name, from: join(directory, name) }));
    for (const input of work.inputs) files.push(await this.#input(input));
    return { at: this.directoryOf(directory), files };
  }

  async #input({ name, at, sha256, size }: ResolvedInput): Promise<DepotFile> {
    const from = isAbsolute(at) ? at : join(this.#options.context.directory, at);
    const file = { name: `inputs/${name}`, from };
    if (sha256 !== undefined) return { ...file, sha256, ...(size === undefined ? {} : { size }) };
    return { ...file, ...(await this.#identify(from)) };
  }

  async #identify(path: string): Promise<{ readonly sha256: string; readonly size: number }> {
    const identity = this.#hasher.hashSmall(path) ?? (await this.#hasher.hash(path));
    if ('unsteady' in identity)
      throw new HeddleError('INPUT_INVALID', `input '${path}' changes while it is read: something still writes it`);
    return identity;
  }

  /** The project's own programs: its `bin/`, where the target has no project of its own. */
  async #tools(project: string): Promise<readonly DepotDirectory[]> {
    const { settings, context } = this.#options;
    const bin = join(context.project, 'bin');
    if (settings.project !== undefined) return [];
    const names = existsSync(bin) ? readdirSync(bin).filter((name) => statSync(join(bin, name)).isFile()) : [];
    const files = await Promise.all(
      names.map(async (name): Promise<DepotFile> => {
        const from = join(bin, name);
        return { name, from, executable: true, ...(await this.#identify(from)) };
      }),
    );
    return [{ at: `${project}/bin`, files }];
  }
}

/** Writes an exit record that came over into the attempt's directory here; false when it is none of this attempt. */
function keepRecord({ here, attempt }: RemoteAttempt, text: string): boolean {
  writeWhole(join(here, EXIT_FILE), `${text}\n`);
  return readExitRecord(here, attempt) !== undefined;
}

/** What tells this store's directories from others' on a target: drawn once, kept in the store. */
function storeId(store: string): string {
  const path = join(store, 'targets', 'store-id');
  if (!existsSync(path)) {
    const draft = `${path}.${process.pid}.new`;
    writeWhole(draft, randomBytes(8).toString('hex'), { flush: true });
    try {
      // Who comes second takes what is there.
      linkSync(draft, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    rmSync(draft, { force: true });
  }
  return readFileSync(path, 'utf8');
}
