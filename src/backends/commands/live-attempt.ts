import type {
  AttemptId,
  AttemptLimits,
  AttemptOrder,
  AttemptProcess,
  ContainerSpec,
  Redactor,
  Usage,
} from '../../model/index.ts';
import {
  childrenOf,
  type EndTarget,
  isAlive,
  type Launcher,
  type LauncherOrder,
  type ProcessIdentity,
  type ProcessTable,
  readProcess,
  sharesGroup,
  signalGroup,
  signalProcess,
  UsageMeter,
} from '../../process/index.ts';
import { containerFor } from '../containers/index.ts';
import {
  CaptureGuard,
  type Claim,
  type CommandWork,
  isLauncherAlive,
  readClaim,
  survivorsOf,
  writeFence,
} from '../workdir/index.ts';

import type { MemoryBound } from './memory-bound.ts';

/** Who asked for an end, and until when it is polite. */
export interface Cancelling {
  /** On the monotonic clock. */
  killAt: number;
  termSent: boolean;
}

/** What an attempt is made of here. */
export interface LiveInit {
  readonly attempt: AttemptId;
  /** Whose attempt it is. */
  readonly of: Pick<AttemptOrder, 'run' | 'index' | 'fence' | 'container'>;
  readonly directory: string;
  readonly work: CommandWork;
  readonly limits: AttemptLimits;
  readonly order: LauncherOrder;
  readonly cpus: number;
  /** Absent: it was granted no memory in particular. */
  readonly memory?: MemoryBound | undefined;
  readonly now: number;
  readonly redactor?: Redactor | undefined;
}

/**
 * An attempt between its launch (or its adoption after a restart) and its end. Its launcher is ours, or an earlier
 * engine's: then only its identity is known and its directory is looked at.
 */
export class LiveAttempt {
  readonly attempt: AttemptId;
  readonly of: LiveInit['of'];
  readonly directory: string;
  readonly work: CommandWork;
  /** Undefined: its processes are the machine's own. */
  readonly container: ContainerSpec | undefined;
  readonly limits: AttemptLimits;
  readonly order: LauncherOrder;
  readonly cpus: number;
  readonly memory: MemoryBound | undefined;
  /** Takes secrets out of what it said. */
  readonly redactor: Redactor | undefined;
  /** When it was handed to its launcher or, while it waits for room, to this backend; on the monotonic clock. */
  since: number;
  /** What it has of the slots: `awaited` of one that was sent ahead and has not been started. */
  room: 'none' | 'awaited' | 'held' = 'none';
  readonly guard: CaptureGuard;
  /** When to look at its output again, on the monotonic clock. */
  lookAt: number;
  launcher: Launcher | undefined;
  cancelling: Cancelling | undefined;
  /** The watch has seen it. */
  isMet = false;
  /** Its process has ended: nothing of it is to be signalled by way of its launcher any more. */
  answered = false;
  /** How often it was handed to another launcher because one died before taking it. */
  moves = 0;
  #meter: UsageMeter | undefined;
  #shell: ProcessIdentity | undefined;

  constructor(init: LiveInit) {
    this.attempt = init.attempt;
    this.of = init.of;
    this.directory = init.directory;
    this.work = init.work;
    this.container = containerFor(init.of);
    this.redactor = init.redactor;
    this.limits = init.limits;
    this.order = init.order;
    this.cpus = init.cpus;
    this.memory = init.memory;
    this.since = init.now;
    this.lookAt = init.now;
    this.guard = new CaptureGuard(init.directory, init.limits.outputBytes, init.now);
  }

  /** Whose child its job is. */
  get shell(): ProcessIdentity | undefined {
    return this.launcher?.identity ?? this.#shell;
  }

  /** From where its processes can be found; undefined once it has ended. */
  get process(): AttemptProcess | undefined {
    const { shell, attempt } = this;
    if (shell === undefined || this.answered) return undefined;
    const { run, index, fence } = this.of;
    return { run, index, fence, attempt, pid: shell.pid, isMember: false };
  }

  adoptFrom(claim: Claim): void {
    this.#shell = claim.launcher;
  }

  /** The group its job runs in; undefined while there is none of its own yet. */
  group(): number | undefined {
    const shell = this.shell;
    if (this.answered || shell === undefined || !isAlive(shell)) return undefined;
    const child = childrenOf(shell.pid)[0];
    const group = child === undefined ? undefined : readProcess(child)?.group;
    // Between fork and setpgid the child is still in the launcher's own, where it isn't shared for good. Of an earlier
    // engine's launcher we don't know which it is, but its fork is long past.
    if (group === shell.pid && this.launcher !== undefined && !sharesGroup(this.launcher.isolation)) return undefined;
    return group;
  }

  /** Takes a look at what it uses; the first look begins to count. */
  sample(table: ProcessTable): void {
    const shell = this.shell;
    if (shell === undefined || this.answered) return;
    this.#meter ??= new UsageMeter(shell.pid);
    const held = this.#meter.sample(table);
    if (this.memory?.look(held) !== true) return;
    const group = this.group();
    if (group !== undefined) signalGroup(group, 'SIGKILL');
  }

  /** What it used; undefined for what was over before the first look. */
  usage(): Usage | undefined {
    return this.#meter?.read();
  }

  /**
   * One push towards its end: TERM once, KILL after the grace. Where nothing has started yet, a fence sees to it that
   * nothing will. Says after how many milliseconds to push again.
   */
  push(now: number): number {
    const cancelling = this.cancelling;
    if (cancelling === undefined) return 0;
    const group = this.group();
    if (group === undefined) {
      if (readClaim(this.directory).kind === 'none') writeFence(this.directory);
      return 2;
    }
    if (now >= cancelling.killAt) {
      signalGroup(group, 'SIGKILL');
      return 20;
    }
    if (!cancelling.termSent) {
      cancelling.termSent = true;
      signalGroup(group, 'SIGTERM');
      signalGroup(group, 'SIGCONT');
    }
    return Math.min(20, cancelling.killAt - now);
  }

  /**
   * What is left of an attempt whose launcher is dead or has ended it, as something to be ended. With its launcher
   * when that must not go on either: it may be about to start the job.
   */
  remains({ withLauncher }: { readonly withLauncher: boolean }): EndTarget {
    const living = (): readonly number[] => {
      const state = readClaim(this.directory);
      if (state.kind !== 'claimed') return [];
      const { claim } = state;
      return withLauncher && isLauncherAlive(claim) ? [claim.launcher.pid, ...survivorsOf(claim)] : survivorsOf(claim);
    };
    return {
      isAlive: () => living().length > 0,
      signal: (signal) => {
        for (const pid of living()) signalProcess(pid, signal);
      },
    };
  }
}
