import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { remoteBackend, type RemoteSettings } from '../../../src/backends/remote/index.ts';
import {
  type AttemptId,
  type AttemptOrder,
  asJobId,
  asRunId,
  attemptIds,
  type Backend,
  type BackendEvent,
  newSubmissionId,
  type RecoverQuery,
  silentLogger,
} from '../../../src/model/index.ts';
import { FakeClock } from '../../../src/testing/index.ts';
import { ScriptedCluster } from './scripted-cluster.ts';

/** Chance that is the same each time. */
export function sequence(seed: number): { next(): number } {
  let state = seed;
  return {
    next: () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state / 2 ** 32;
    },
  };
}

const STEP_MS = 250;
/** What goes through a thousand files lets others have their turn meanwhile. */
const TURNS = 50;
/** Thousands of directories are made: in memory, where the system has a place for that. */
const MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** Backends on one cluster in memory, and a clock that moves when it is told to. */
export class RemoteRig implements AsyncDisposable {
  readonly clock: FakeClock = new FakeClock(1_700_000_000_000);
  readonly cluster: ScriptedCluster = new ScriptedCluster(this.clock);
  readonly events: BackendEvent[] = [];
  readonly store: string = mkdtempSync(join(MEMORY, 'heddle-scripted-'));
  readonly #random = sequence(7);
  readonly #nextAttempt: () => AttemptId = attemptIds(this.#random);
  readonly #open: Backend[] = [];
  #count = 0;

  async open(settings: RemoteSettings = {}, name = 'cluster'): Promise<Backend> {
    const { cluster, clock, store } = this;
    const { scheduler } = cluster;
    const pollMs = { floor: 1000, ceiling: 8000 };
    const backend = remoteBackend({
      name,
      transport: cluster.transport(),
      scheduler,
      settings: { pollMs, ...settings },
    });
    this.#open.push(backend);
    const report = (event: BackendEvent): void => void this.events.push(event);
    await backend.open({ clock, logger: silentLogger, directory: store, project: store, report });
    return backend;
  }

  /** Orders that travel as one submission. */
  orders(count: number): AttemptOrder[] {
    const submission = newSubmissionId(this.#random);
    return Array.from({ length: count }, (_, element) => {
      const index = this.#count;
      this.#count += 1;
      mkdirSync(join(this.store, 'work'), { recursive: true });
      return {
        attempt: this.#nextAttempt(),
        fence: 1,
        run: asRunId('r-scripted'),
        job: asJobId(`job-${index}`),
        index,
        work: { kind: 'command', text: 'true', inputs: [], outputs: [], environment: {} },
        grant: { place: 'cluster', cpus: 1 },
        limits: { graceMs: 1000, outputBytes: 1024 },
        directory: join(this.store, 'work', `job-${index}.1`),
        submission,
        element,
      };
    });
  }

  asQueries(orders: readonly AttemptOrder[]): RecoverQuery[] {
    return orders.map((order) => ({ ...order, handle: '' }));
  }

  /** Lets time pass, step by step, with all that follows from it. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += STEP_MS) {
      this.clock.advance(STEP_MS);
      await this.settle();
    }
  }

  /** Whatever is under way here comes to where it waits for the clock. */
  async settle(): Promise<void> {
    for (let turns = 0; turns < TURNS; turns += 1) {
      this.clock.turn();
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
    }
  }

  /** Resolves with what a call gives, letting time pass meanwhile. */
  async during<T>(call: T | Promise<T>): Promise<T> {
    let isOver = false;
    const watched = Promise.resolve(call).finally(() => {
      isOver = true;
    });
    for (let steps = 0; !isOver && steps < 10_000; steps += 1) {
      await this.settle();
      if (!isOver) this.clock.advance(STEP_MS);
    }
    return await watched;
  }

  /** What was reported as the end of each of these. */
  endsOf(orders: readonly AttemptOrder[]): readonly string[] {
    return orders.map(({ attempt }) => {
      const ends = this.events.filter(
        (event) => (event.kind === 'ended' || event.kind === 'gone') && event.attempt === attempt,
      );
      return ends.map((end) => (end.kind === 'ended' ? end.outcome.kind : end.kind)).join(' and ') || 'none';
    });
  }

  of(order: AttemptOrder | undefined, kind: BackendEvent['kind']): readonly BackendEvent[] {
    return this.events.filter((event) => event.kind === kind && 'attempt' in event && event.attempt === order?.attempt);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const backend of this.#open) await backend[Symbol.asyncDispose]();
    rmSync(this.store, { recursive: true, force: true });
  }
}
