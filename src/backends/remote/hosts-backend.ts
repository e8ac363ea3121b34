import { FileHasher } from '../../files/index.ts';
import {
  type AttemptId,
  type AttemptOrder,
  type Backend,
  type BackendCapabilities,
  type BackendContext,
  HeddleError,
  type LaunchAnswer,
  type Place,
  type RecoverAnswer,
  type RecoverQuery,
} from '../../model/index.ts';
import type { Depot } from '../depot/index.ts';
import type { Transport } from '../transport/index.ts';
import { AttemptBook } from './attempt-book.ts';
import { Collector } from './collector.ts';
import { hostAttempt, type HostAttempt } from './host-attempt.ts';
import { Host } from './host.ts';
import type { CommandOrder } from './native-plan.ts';
import { fitForTarget, unfitness } from './orders.ts';
import { remoteAttempt } from './remote-attempt.ts';
import { DEFAULT_HOST_POLL, DEFAULT_LOGIN_RETRY_MS, DEFAULT_SETTLE_MS, type RemoteSettings } from './settings.ts';
import { openSite } from './open-site.ts';
import type { Site } from './site.ts';
import { within } from './within.ts';

/** One machine without a batch system. */
export interface HostInit {
  /** Disposed of with the backend. */
  readonly transport: Transport;
  /** Wanted where the transport shares no files. */
  readonly depot?: Depot;
  /** Of its place. @default the transport's name */
  readonly name?: string;
  /** Instead of what is found there. */
  readonly cpus?: number;
  readonly memoryBytes?: number;
  /** The most cpus of it that are used at a time. */
  readonly slots?: number;
}

export interface HostsBackendOptions {
  readonly name: string;
  readonly hosts: readonly HostInit[];
  /** Which machine with room is taken. @default 'least-loaded' */
  readonly balance?: 'least-loaded' | 'round-robin';
  readonly settings?: RemoteSettings & {
    /** A machine that doesn't answer for so long offers nothing any more, in milliseconds. @default 60000 */
    readonly withdrawMs?: number;
  };
}

/** Commands on machines of one's own: each is a place, and what is started there outlives us. */
export function hostsBackend(options: HostsBackendOptions): Backend {
  return new HostsBackend(options);
}

const DEFAULT_WITHDRAW_MS = 60_000;
/** Whoever has not answered by then joins later. */
const OPEN_WITHIN_MS = 10_000;

interface OpenedHost {
  readonly host: Host;
  readonly site: Site;
  readonly collector: Collector<HostAttempt>;
}

interface Opened {
  readonly context: BackendContext;
  readonly book: AttemptBook<HostAttempt>;
  readonly hosts: ReadonlyMap<string, OpenedHost>;
}

class HostsBackend implements Backend {
  readonly name: string;
  readonly capabilities: BackendCapabilities;
  readonly #options: HostsBackendOptions;
  #opened: Opened | undefined;
  /** The places as they were told last; undefined until it is open. */
  #told: string | undefined;

  constructor(options: HostsBackendOptions) {
    const { name, hosts, balance: spread = 'least-loaded' } = options;
    const names = hosts.map(nameOf);
    const twice = names.find((one, i) => names.indexOf(one) !== i);
    if (hosts.length === 0 || twice !== undefined) {
      const what = twice === undefined ? 'has no hosts' : `has two hosts named '${twice}'`;
      throw new HeddleError('INPUT_INVALID', `target '${name}' ${what}`);
    }
    this.name = name;
    this.#options = options;
    this.capabilities = { commands: true, calls: false, recoverable: true, batches: false, local: false, spread };
  }

  async open(context: BackendContext): Promise<readonly Place[]> {
    const book = new AttemptBook<HostAttempt>({ report: (event) => this.#opened?.context.report(event) });
    const hosts = new Map(this.#options.hosts.map((init) => [nameOf(init), this.#openHost(init, context, book)]));
    this.#opened = { context, book, hosts };
    const looks = [...hosts.values()].map(async ({ host }) => await host.look());
    await within(context.clock, OPEN_WITHIN_MS, Promise.all(looks));
    const places = this.#places();
    this.#told = JSON.stringify(places);
    return places;
  }

  async launch(orders: readonly AttemptOrder[]): Promise<readonly LaunchAnswer[]> {
    const { hosts } = this.#use();
    const answers = new Map<string, LaunchAnswer>();
    const byHost = new Map<OpenedHost, CommandOrder[]>();
    for (const order of orders) {
      const opened = hosts.get(order.grant.place);
      const why = opened === undefined ? `there is no host '${order.grant.place}'` : unfitness(order, opened.site);
      if (why !== undefined) answers.set(order.attempt, { kind: 'refused', retryable: false, why });
      if (why !== undefined || opened === undefined || order.work.kind !== 'command') continue;
      const group = byHost.get(opened) ?? [];
      byHost.set(opened, group);
      group.push(fitForTarget(order, order.work, this.#options.settings ?? {}));
    }
    await Promise.all(
      [...byHost].map(async ([{ host }, group]) => {
        for (const [attempt, answer] of await host.start(group)) answers.set(attempt, answer);
      }),
    );
    return orders.map(({ attempt }) => answers.get(attempt) ?? { kind: 'unknown', why: 'nobody answered' });
  }

  cancel(id: AttemptId, graceMs: number): void {
    const attempt = this.#opened?.book.find(id);
    if (attempt === undefined) return;
    for (const { host } of this.#opened?.hosts.values() ?? []) if (host.has(attempt)) host.cancel(attempt, graceMs);
  }

  async recover(queries: readonly RecoverQuery[]): Promise<readonly RecoverAnswer[]> {
    const { book, hosts } = this.#use();
    const answers = new Map<AttemptId, RecoverAnswer>();
    const byHost = new Map<OpenedHost, RecoverQuery[]>();
    for (const query of queries) {
      if (book.known(query.attempt) !== undefined) continue;
      const opened = hosts.get(query.grant.place);
      if (opened === undefined)
        answers.set(query.attempt, { kind: 'unknown', why: `the host '${query.grant.place}' is not in the settings` });
      else if (query.work.kind !== 'command' || query.directory === '')
        answers.set(query.attempt, { kind: 'gone', why: 'it never was a command here', neverStarted: true });
      else byHost.set(opened, [...(byHost.get(opened) ?? []), query]);
    }
    await Promise.all([...byHost].map(async ([opened, group]) => await this.#trace(opened, group, answers)));
    return queries.map(
      ({ attempt }) => answers.get(attempt) ?? book.known(attempt) ?? { kind: 'unknown', why: 'it was released' },
    );
  }

  release(attempts: readonly AttemptId[]): void {
    this.#opened?.book.release(attempts);
    if (this.#options.settings?.keep === true) return;
    for (const { site } of this.#opened?.hosts.values() ?? []) site.release(attempts);
  }

  /** What runs goes on, and is found again by `recover`. */
  async [Symbol.asyncDispose](): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    opened?.book.clear();
    for (const { host, site, collector } of opened?.hosts.values() ?? []) {
      host.close();
      await collector.close();
      await site.close();
    }
    for (const { transport } of this.#options.hosts) await transport[Symbol.asyncDispose]();
  }

  #openHost(init: HostInit, context: BackendContext, book: AttemptBook<HostAttempt>): OpenedHost {
    const { settings = {}, name } = this.#options;
    const { clock, logger } = context;
    const { transport, depot } = init;
    const site = openSite({ name, context, transport, depot, settings });
    const places = {
      hasher: new FileHasher(() => clock.now().wall),
      store: context.directory,
      project: context.project,
    };
    const collector = new Collector<HostAttempt>({
      ...{ site, book, places, clock, logger },
      told: () => undefined,
      // Its next look says so too.
      login: () => undefined,
    });
    const host = new Host({
      ...{ name: nameOf(init), transport, site, book, collector, clock, logger },
      pollMs: settings.pollMs ?? DEFAULT_HOST_POLL,
      loginRetryMs: settings.loginRetryMs ?? DEFAULT_LOGIN_RETRY_MS,
      settleMs: settings.settleMs ?? DEFAULT_SETTLE_MS,
      withdrawMs: settings.withdrawMs ?? DEFAULT_WITHDRAW_MS,
      cpus: init.slots ?? init.cpus,
      memoryBytes: init.memoryBytes,
      changed: () => this.#changed(),
    });
    return { host, site, collector };
  }

  /** Looks for attempts of an earlier engine on one machine: whoever lives is followed from then on. */
  async #trace(
    { host, site }: OpenedHost,
    queries: readonly RecoverQuery[],
    answers: Map<AttemptId, RecoverAnswer>,
  ): Promise<void> {
    const { clock } = this.#use().context;
    const ready = await site.open();
    if (ready.kind !== 'done') {
      for (const { attempt } of queries) answers.set(attempt, { kind: 'unknown', why: `${host.name} does not answer` });
      return;
    }
    const attempts = queries.flatMap((query) =>
      query.work.kind === 'command'
        ? [hostAttempt(remoteAttempt(query, query.work, site.directoryOf(query.directory)), clock.now().mono)]
        : [],
    );
    const seen = await site.traces(attempts, { fence: false });
    const idle = seen.kind === 'done' ? attempts.filter((_, i) => seen.traces[i]?.kind === 'none') : [];
    const fenced = idle.length === 0 ? seen : await site.traces(idle, { fence: true });
    for (const [i, attempt] of attempts.entries()) {
      if (seen.kind !== 'done' || fenced.kind !== 'done') {
        answers.set(attempt.attempt, { kind: 'unknown', why: `${host.name} does not answer` });
        continue;
      }
      const first = seen.traces[i];
      const trace = first?.kind === 'none' ? fenced.traces[idle.indexOf(attempt)] : first;
      if (trace === undefined || trace.kind === 'none') {
        answers.set(attempt.attempt, {
          kind: 'gone',
          why: 'it never began, and can start no more',
          neverStarted: true,
        });
        continue;
      }
      host.adopt(attempt);
      if (trace.kind === 'ended') host.recorded(attempt);
      const saidAt = trace.kind === 'claimed' ? trace.startedAt : undefined;
      const startedAt = saidAt === undefined ? undefined : saidAt - host.skewMs;
      attempt.isActive = trace.kind === 'claimed';
      const phase = trace.kind === 'ended' ? 'staging-out' : 'active';
      answers.set(attempt.attempt, { kind: 'running', phase, ...(startedAt === undefined ? {} : { startedAt }) });
    }
  }

  #places(): readonly Place[] {
    return [...(this.#opened?.hosts.values() ?? [])].flatMap(({ host }) => host.place ?? []);
  }

  /** A target wants its user when none of its machines does without. */
  #changed(): void {
    const opened = this.#opened;
    if (opened === undefined) return;
    const places = this.#places();
    const hosts = [...opened.hosts.values()].map(({ host }) => host);
    opened.book.access(places.length > 0 ? undefined : hosts.find(({ needs }) => needs !== undefined)?.needs);
    const text = JSON.stringify(places);
    if (this.#told === undefined || text === this.#told) return;
    this.#told = text;
    opened.context.report({ kind: 'places', places });
  }

  #use(): Opened {
    if (this.#opened === undefined) throw new Error(`the backend ${this.name} is not open`);
    return this.#opened;
  }
}

function nameOf({ name, transport }: HostInit): string {
  return name ?? transport.name;
}
