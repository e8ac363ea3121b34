import { existsSync, rmSync } from 'node:fs';
import type { Clock } from '../../model/index.ts';
import { makeFrame } from './frame.ts';
import { connectShell, type ShellEnd, type ShellProcess } from './shell-process.ts';
import type { SshCommand } from './ssh-command.ts';
import { type Diagnosis, diagnose } from './ssh-diagnosis.ts';

/** sshd grants 10 sessions a connection unless told otherwise; one is the master's own, one may be just ending. */
const SESSIONS = 8;
/** Connections at a time where a connection grants one session only. */
const DIRECT_SESSIONS = 12;
const MOST_ROUTES = 8;
/** Sessions of a connection that programs don't keep from scripts. */
const KEPT_FOR_RUNS = 2;

export type SessionKind = 'run' | 'connect';

/** A connection to the host that grants sessions. */
interface Route {
  /** Undefined: every session is a connection of its own. */
  readonly path: string | undefined;
  /** Ours, and how it ends. Undefined: somebody else's, or none. */
  readonly master: ShellProcess | undefined;
  limit: number;
  runs: number;
  connects: number;
}

/** A session that was granted. */
export interface Slot {
  /** To be run with the boot behind it. */
  readonly argv: readonly string[];
  /** Each session is a login: what it says of refusals is to be believed. */
  readonly isDirect: boolean;
  /** Nothing of the session is left. */
  release(): void;
  /** Nobody listens on its socket. */
  lost(): void;
  /** The host gave no session more. */
  refused(): void;
  /** Nothing is heard of it: the master behind it is asked whether it lives, and ended where it doesn't. */
  suspect(): Promise<void>;
  /** Why our master ended, when it has, or does within a moment. */
  whyEnded(): Promise<Diagnosis | undefined>;
}

export type Grant = { readonly kind: 'slot'; readonly slot: Slot } | Diagnosis;

interface Waiter {
  readonly kind: SessionKind;
  readonly resolve: (grant: Grant) => void;
}

/**
 * Connections to one host, and who has a session on which. One connection is opened at a time, when somebody waits for it;
 * what it fails with is the answer to all who wait, so that a host is not stormed with logins. Before one of ours is opened
 * a person's own is looked for: the one left by the command that we told to type, then the one of his configuration.
 */
export class SshRoutes {
  readonly #command: SshCommand;
  readonly #clock: Clock;
  readonly #routes = new Set<Route>();
  readonly #masters = new Set<ShellProcess>();
  readonly #waiting: Waiter[] = [];
  #sessions: number = SESSIONS;
  #isOpening = false;
  #isClosed = false;
  #made = 0;

  constructor(command: SshCommand, clock: Clock) {
    this.#command = command;
    this.#clock = clock;
  }

  /** Grants a session; `whenCut` takes back the wish. */
  acquire(kind: SessionKind, whenCut: (withdraw: () => void) => void): Promise<Grant> {
    if (this.#isClosed) return Promise.resolve(CLOSED);
    const { promise, resolve } = Promise.withResolvers<Grant>();
    const waiter: Waiter = { kind, resolve };
    this.#waiting.push(waiter);
    whenCut(() => {
      const at = this.#waiting.indexOf(waiter);
      if (at < 0) return;
      this.#waiting.splice(at, 1);
      resolve({ kind: 'unreachable', why: 'no session was free' });
    });
    this.#serve();
    return promise;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#answerAll(CLOSED, () => true);
    const masters = [...this.#masters];
    for (const master of masters) master.close();
    await Promise.all(masters.map((master) => master.gone));
    await this.#command.close();
  }

  #serve(): void {
    for (let at = 0; at < this.#waiting.length; ) {
      const waiter = this.#waiting[at] as Waiter;
      const route = this.#findRoom(waiter.kind);
      if (route === undefined) {
        at += 1;
        continue;
      }
      this.#waiting.splice(at, 1);
      waiter.resolve({ kind: 'slot', slot: this.#grant(route, waiter.kind) });
    }
    if (this.#waiting.length > 0 && this.#wantsMore()) void this.#openOne();
  }

  #findRoom(kind: SessionKind): Route | undefined {
    for (const route of this.#routes) {
      const free = route.limit - route.runs - route.connects;
      const kept = kind === 'connect' && route.connects > 0 ? Math.min(KEPT_FOR_RUNS, route.limit - 1) : 0;
      if (free > kept) return route;
    }
    return undefined;
  }

  /** Another connection helps where programs hold what there is; scripts only have to wait their turn. */
  #wantsMore(): boolean {
    if (this.#isOpening || this.#isClosed) return false;
    const routes = [...this.#routes];
    const isForProgram = this.#waiting.some((waiter) => waiter.kind === 'connect');
    return routes.length < MOST_ROUTES && routes.every((route) => route.connects >= (isForProgram ? 1 : route.limit));
  }

  async #openOne(): Promise<void> {
    this.#isOpening = true;
    const failure = await this.#open();
    this.#isOpening = false;
    if (failure !== undefined) {
      // Where a connection has room for scripts, they have only to wait their turn, however this one failed.
      const hasRoom = [...this.#routes].some((route) => route.connects < route.limit);
      this.#answerAll(failure, (kind) => kind === 'connect' || !hasRoom);
    }
    this.#serve();
  }

  #answerAll(diagnosis: Diagnosis, isMeant: (kind: SessionKind) => boolean): void {
    const waiting = this.#waiting.splice(0);
    this.#waiting.push(...waiting.filter(({ kind }) => !isMeant(kind)));
    for (const { kind, resolve } of waiting) if (isMeant(kind)) resolve(diagnosis);
  }

  async #open(): Promise<Diagnosis | undefined> {
    if (this.#routes.size === 0) {
      const shared = await this.#findShared();
      if (this.#isClosed) return CLOSED;
      if (shared !== undefined) {
        this.#add({ path: shared, master: undefined, limit: this.#sessions });
        return undefined;
      }
      if (this.#sessions === 0) {
        this.#add({ path: undefined, master: undefined, limit: DIRECT_SESSIONS });
        return undefined;
      }
    }
    return await this.#openMaster();
  }

  async #findShared(): Promise<string | undefined> {
    if (this.#sessions === 0) return undefined;
    const users = await this.#command.usersPath();
    for (const path of [this.#command.loginPath, users]) {
      if (path !== undefined && existsSync(path) && (await this.#command.isMaster(path))) return path;
    }
    return undefined;
  }

  /** Logs in. The shell behind the master waits for the end of its input: it goes when we do, however we go. */
  async #openMaster(): Promise<Diagnosis | undefined> {
    const path = this.#command.masterPath(this.#made);
    this.#made += 1;
    const argv = this.#command.master(path);
    const frame = makeFrame('read -r nothing', true);
    const { process } = connectShell({ argv, frame, clock: this.#clock, patient: true, ownsGroup: true });
    this.#masters.add(process);
    void process.gone.then(() => this.#masters.delete(process));
    const { promise: begun, resolve } = Promise.withResolvers<undefined>();
    process.whenBegun(() => resolve(undefined));
    // ssh's own timeout covers the way to the host and its greeting, not what it does to let us in.
    const limitMs = 2 * this.#command.connectTimeoutMs;
    let isLate = false;
    const timer = this.#clock.after(limitMs, () => {
      isLate = true;
      process.close(0);
    });
    const end = await Promise.race([begun, process.ended]);
    timer.cancel();
    if (isLate) return { kind: 'unreachable', why: `it let nobody in within ${limitMs / 1000} s` };
    if (end !== undefined) return diagnose(end, await this.#command.byHand());
    const route = this.#add({ path, master: process, limit: this.#sessions });
    void process.ended.then(() => {
      this.#routes.delete(route);
      rmSync(path, { force: true });
      this.#serve();
    });
    return undefined;
  }

  #add(route: Pick<Route, 'path' | 'master' | 'limit'>): Route {
    const added: Route = { ...route, runs: 0, connects: 0 };
    this.#routes.add(added);
    return added;
  }

  #grant(route: Route, kind: SessionKind): Slot {
    const count = kind === 'run' ? 'runs' : 'connects';
    route[count] += 1;
    let isHeld = true;
    return {
      argv: route.path === undefined ? this.#command.direct() : this.#command.session(route.path),
      isDirect: route.path === undefined,
      release: () => {
        if (isHeld) route[count] -= 1;
        isHeld = false;
        this.#serve();
      },
      lost: () => this.#drop(route),
      refused: () => this.#narrow(route),
      suspect: async () => {
        if (route.path === undefined || !this.#routes.has(route)) return;
        if (!(await this.#command.isMaster(route.path))) this.#drop(route);
      },
      whyEnded: async () => await this.#whyEnded(route),
    };
  }

  #drop(route: Route): void {
    this.#routes.delete(route);
    route.master?.close(0);
  }

  /** The host grants fewer sessions than most do. Where it grants none beside the master's own, each gets a connection. */
  #narrow(route: Route): void {
    const others = route.runs + route.connects - 1;
    this.#sessions = Math.min(this.#sessions, others);
    route.limit = Math.min(route.limit, others);
    if (this.#sessions === 0) this.#drop(route);
  }

  async #whyEnded({ master }: Route): Promise<Diagnosis | undefined> {
    if (master === undefined) return undefined;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const timer = this.#clock.after(200, () => resolve(undefined));
    const end: ShellEnd | undefined = await Promise.race([master.ended, promise]);
    timer.cancel();
    return end === undefined ? undefined : diagnose(end, await this.#command.byHand());
  }
}

const CLOSED: Diagnosis = { kind: 'unreachable', why: 'the transport was closed' };
