import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { commandsBackend } from '../../../src/backends/commands/index.ts';
import {
  type AttemptId,
  type AttemptLimits,
  type AttemptOrder,
  asJobId,
  asRunId,
  attemptIds,
  type Backend,
  type BackendEvent,
  newSubmissionId,
  type Outcome,
  type Place,
  type RecoverQuery,
  type ResolvedWork,
  silentLogger,
} from '../../../src/model/index.ts';
import { type LauncherShell, systemClock, systemRandom, which } from '../../../src/process/index.ts';
import { giveBack, ownFolder } from '../../own-folder.ts';

export type CommandWork = Extract<ResolvedWork, { readonly kind: 'command' }>;
export type End = Extract<BackendEvent, { readonly kind: 'ended' | 'gone' }>;

/** The launchers this machine can have. In CI all of them must be there. */
export const SHELLS: readonly { readonly name: string; readonly shell: LauncherShell }[] = [
  { name: 'bash', shell: { command: ['/bin/bash'], isolation: 'groups' as const } },
  { name: 'dash', shell: { command: ['/bin/dash'], isolation: 'shared' as const } },
  { name: 'dash with setsid', shell: { command: ['/bin/dash'], isolation: 'setsid' as const } },
  { name: 'dash without setsid', shell: { command: ['/bin/dash'], isolation: 'bare' as const } },
  { name: 'busybox', shell: { command: ['/bin/busybox', 'sh'], isolation: 'setsid' as const } },
].filter(({ name, shell }) => isThere(name, shell));

function isThere(name: string, shell: LauncherShell): boolean {
  if (which(shell.command[0]?.split('/').at(-1) ?? '', '/bin:/usr/bin') !== undefined) return true;
  if (process.env['CI'] !== undefined) throw new Error(`${name} is not installed`);
  console.warn(`skipped: launchers of ${name}, which is not installed`);
  return false;
}

const nextId = attemptIds(systemRandom);

/** A backend in a directory of its own, with what it reported. Disposing it proves that no process of it is left. */
export class Bench implements AsyncDisposable {
  readonly directory: string;
  readonly project: string;
  readonly events: BackendEvent[] = [];
  places: readonly Place[] = [];
  readonly #ends = new Map<AttemptId, PromiseWithResolvers<End>>();
  readonly #keep: boolean;
  #count = 0;
  backend: Backend;

  private constructor(backend: Backend, directory: string, keep: boolean) {
    this.backend = backend;
    this.directory = join(directory, 'store');
    this.project = directory;
    this.#keep = keep;
  }

  static async open(
    options: { readonly shell?: LauncherShell; readonly at?: string; readonly backend?: Backend } = {},
  ): Promise<Bench> {
    const directory = options.at ?? ownFolder('commands');
    const { shell } = options;
    const backend = options.backend ?? commandsBackend({ slots: 2, ...(shell === undefined ? {} : { shell }) });
    const bench = new Bench(backend, directory, options.at !== undefined);
    mkdirSync(bench.directory, { recursive: true });
    bench.places = await backend.open({
      clock: systemClock,
      logger: silentLogger,
      directory: bench.directory,
      project: bench.project,
      report: (event) => {
        bench.events.push(event);
        if (event.kind === 'ended' || event.kind === 'gone') bench.#endOf(event.attempt).resolve(event);
      },
    });
    return bench;
  }

  order(text: string, more: Partial<CommandWork> & { readonly limits?: Partial<AttemptLimits> } = {}): AttemptOrder {
    const { limits, ...work } = more;
    const index = this.#count;
    this.#count += 1;
    const attempt = nextId();
    return {
      attempt,
      fence: 1,
      run: asRunId('r-test'),
      job: asJobId(`job ${index}`),
      index,
      work: { kind: 'command', text, inputs: [], outputs: [], environment: {}, ...work },
      grant: { place: 'local', cpus: 1 },
      limits: { graceMs: 2000, outputBytes: 1024 * 1024, ...limits },
      directory: join(this.directory, 'work', 'r-test', '0', `job-${attempt}.1`),
      submission: newSubmissionId(systemRandom),
      element: 0,
    };
  }

  async launch(order: AttemptOrder): Promise<AttemptOrder> {
    const [answer] = await this.backend.launch([order]);
    if (answer?.kind !== 'accepted') throw new Error(JSON.stringify(answer));
    return order;
  }

  async end(order: AttemptOrder): Promise<End> {
    return this.#endOf(order.attempt).promise;
  }

  /** Runs to its end; the outcome, or why it is gone. */
  async run(text: string, more: Parameters<Bench['order']>[1] = {}): Promise<Outcome | { readonly gone: string }> {
    const end = await this.end(await this.launch(this.order(text, more)));
    return end.kind === 'ended' ? end.outcome : { gone: end.why };
  }

  query(order: AttemptOrder): RecoverQuery {
    return { ...order, handle: '' };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.backend[Symbol.asyncDispose]();
    if (!this.#keep) await giveBack(this.project);
  }

  #endOf(attempt: AttemptId): PromiseWithResolvers<End> {
    const known = this.#ends.get(attempt) ?? Promise.withResolvers<End>();
    this.#ends.set(attempt, known);
    return known;
  }
}

/** Resolves when a condition holds; rejects after ten seconds. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  for (let look = 0; look < 1000; look += 1) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`never came: ${what}`);
}
