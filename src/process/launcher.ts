import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync, readFileSync, readSync, unlinkSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, HeddleError, quoteWord } from '../model/index.ts';
import { bootId, isAlive, type ProcessIdentity, readProcess } from './identity.ts';
import { launcherScript } from './launcher-script.ts';
import type { EndTarget } from './escalation.ts';
import { leftBy, sessionTarget, signalProcess } from './members.ts';
import { PidWindow } from './pid-window.ts';
import { sharedOrder } from './shared-script.ts';
import { type LauncherShell, sharesGroup } from './shells.ts';

/** One job for a launcher. */
export interface LauncherOrder {
  readonly attempt: string;
  readonly fence: number;
  /** The attempt's directory: absolute, or relative to the launcher's. */
  readonly directory: string;
  /** `direct`: `command.sh` ends in one `exec`, so the launcher reads it itself. `shell`: a new `sh` runs it. */
  readonly kind: 'direct' | 'shell';
  /** What `command.sh` does as one simple command of the shell, environment and all; absent where it is none. */
  readonly program?: string | undefined;
}

/** What a launcher says of the order it was given. Times are epoch milliseconds. */
export type LauncherAnswer =
  | {
      readonly kind: 'ended';
      /** Exit code, or the name of the signal it died by. */
      readonly status: number | string;
      readonly startedAt: number;
      readonly endedAt: number;
      readonly pid: number;
      /** False when `exit.json` could not be written: the disk is full. */
      readonly recorded: boolean;
      /** Bytes at the end of the job's stderr that are not the job's: the shell's word on the signal. */
      readonly said: number;
      /** Neither of the job's output files has anything in it; false where the launcher does not know. */
      readonly isSilent: boolean;
    }
  /** Fenced before it started (`pid` 0) or before its end was published. */
  | { readonly kind: 'fenced'; readonly pid: number }
  /** It never started; nothing of it will. */
  | { readonly kind: 'refused' }
  /** The launcher is dead, by this signal if it was one. What became of the order its directory must say. */
  | { readonly kind: 'died'; readonly why: string; readonly signal?: string };

export interface LauncherOptions {
  readonly shell: LauncherShell;
  readonly clock: Clock;
  /** Where it stands; relative directories of orders start here. */
  readonly cwd: string;
  /** The environment of all its jobs. */
  readonly env: Readonly<Record<string, string>>;
}

/** Paths that a shell takes for what they are: no option, no sign it gives a meaning. */
const PLAIN_PATH = /^[\w@%+:,./][\w@%+:,./-]*$/;
const UPTIME_STEP_MS = 10;

const HOST = hostname().replace(/[^A-Za-z0-9._-]/g, '_');

/**
 * A long-lived shell that runs one job after another: a slot. It is a session of its own, so a terminal's signals
 * pass it by. Fed over stdin; when that closes, because we stop it or because we die, it finishes the job in hand,
 * writes its record and leaves.
 *
 * idle -> (give) busy -> (answer) idle; any -> (stop, or death) gone.
 */
export class Launcher {
  readonly identity: ProcessIdentity;
  readonly isolation: LauncherShell['isolation'];
  /** Resolves when its process is gone. */
  readonly gone: Promise<void>;
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  readonly #window: PidWindow | undefined;
  /** Our end of the file its shell complains to; -1 once closed. */
  #complaints: number;
  #answer: ((answer: LauncherAnswer) => void) | undefined;
  #sequence = 0;
  #text = '';
  #dead = false;

  /**
   * Starts one.
   *
   * @throws {HeddleError} BACKEND_UNAVAILABLE when no process or descriptor can be had; worth trying again
   */
  static start(options: LauncherOptions): Launcher {
    const { isolation, command } = options.shell;
    const [file = '/bin/sh', ...first] = command;
    const script = launcherScript(isolation);
    const facts = [HOST, bootId(), String(bootMoment(options.clock))];
    const reads = isolation === 'groups' || isolation === 'shared';
    const args = reads ? [...first, '-s', '--', ...facts] : [...first, '-c', script, 'heddle-launcher', ...facts];
    const complaints = openComplaints();
    try {
      const child = spawn(file, args, {
        detached: true,
        cwd: options.cwd,
        env: options.env,
        stdio: ['pipe', 'pipe', complaints.write, ...(isolation === 'shared' ? [] : [complaints.read])],
      });
      // Said again with 'exit' or by the missing pid; without a listener it would be thrown.
      child.on('error', () => undefined);
      if (child.pid === undefined) throw unavailable(file);
      if (reads) child.stdin?.write(script);
      return new Launcher(child, child.pid, { isolation, complaints: complaints.read, clock: options.clock });
    } catch (error) {
      closeSync(complaints.read);
      throw HeddleError.is(error) ? error : unavailable(file, error);
    } finally {
      closeSync(complaints.write);
    }
  }

  private constructor(
    child: ChildProcess,
    pid: number,
    init: { readonly isolation: LauncherShell['isolation']; readonly complaints: number; readonly clock: Clock },
  ) {
    this.#child = child;
    this.#complaints = init.complaints;
    this.#clock = init.clock;
    this.isolation = init.isolation;
    this.#window = init.isolation === 'shared' ? new PidWindow(pid) : undefined;
    this.identity = { pid, start: readProcess(pid)?.start ?? 0 };
    // A write to a launcher that just died breaks the pipe; its exit tells us.
    child.stdin?.on('error', () => undefined);
    child.stdout?.on('error', () => undefined);
    child.stdout?.setEncoding('latin1').on('data', (text: string) => this.#hear(text));
    const { promise, resolve } = Promise.withResolvers<void>();
    this.gone = promise;
    // 'close' and not 'exit': answers written before its death are still in the pipe.
    child.once('close', (code, signal) => {
      this.#dead = true;
      const why = `the launcher ended by itself (${signal ?? code})${this.#lastWords()}`;
      this.#close();
      this.#say({ kind: 'died', why, ...(signal === null ? {} : { signal }) });
      resolve();
    });
  }

  get idle(): boolean {
    return this.#answer === undefined && !this.#dead;
  }

  /** Runs one job; the answer comes once. A launcher has one job at a time. */
  give(order: LauncherOrder, answer: (answer: LauncherAnswer) => void): void {
    this.#sequence += 1;
    this.#answer = answer;
    this.#window?.mark(this.#clock.now().mono);
    this.#child.stdin?.write(this.isolation === 'shared' ? this.#asText(order) : this.#asLine(order));
  }

  /**
   * What the job it has waited for, this pid, has left in its group, as something to be ended. Costs microseconds; where
   * the group is shared and not looked into by pids, milliseconds.
   */
  left(pid: number): EndTarget {
    if (!sharesGroup(this.isolation)) return leftBy(pid);
    const session = sessionTarget(this.identity.pid);
    const window = this.#window;
    if (window === undefined) return session;
    return { isAlive: () => window.isInhabited(this.#clock.now().mono), signal: (signal) => session.signal(signal) };
  }

  /** Lets it finish the job in hand and leave. Its answer is still heard while this process lives. */
  stop(): void {
    this.#child.stdin?.end();
  }

  /** Stops it and hears no more of it: neither holds this process alive. */
  abandon(): void {
    this.#answer = undefined;
    this.stop();
    this.#child.stdout?.destroy();
    this.#child.unref();
    this.#close();
  }

  /** Ends the shell at once, not its job. For a launcher whose group is not clean. */
  kill(): void {
    if (isAlive(this.identity)) signalProcess(this.identity.pid, 'SIGKILL');
  }

  #hear(text: string): void {
    this.#text += text;
    for (let end = this.#text.indexOf('\n'); end !== -1; end = this.#text.indexOf('\n')) {
      const line = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 1);
      const [sequence, ...words] = line.split(' ');
      if (Number(sequence) === this.#sequence) this.#say(this.#finer(parseAnswer(words)));
    }
  }

  /** A shell that reads `/proc/uptime` knows the time in steps of 10 ms; our clock says where in the step. */
  #finer(answer: LauncherAnswer): LauncherAnswer {
    if (answer.kind !== 'ended' || this.isolation === 'groups') return answer;
    const latest = answer.endedAt + UPTIME_STEP_MS;
    return { ...answer, endedAt: Math.max(answer.endedAt, Math.min(this.#clock.now().wall, latest)) };
  }

  #asLine({ attempt, fence, directory, kind }: LauncherOrder): string {
    return `${this.#sequence} ${kind === 'shell' ? 's' : 'd'} ${attempt} ${fence} ${directory}\n`;
  }

  #asText({ attempt, fence, directory, program }: LauncherOrder): string {
    const startedAt = Math.round(this.#clock.now().wall);
    const place = PLAIN_PATH.test(directory)
      ? directory
      : quoteWord(directory.startsWith('/') ? directory : `./${directory}`);
    return sharedOrder({ sequence: this.#sequence, attempt, fence, startedAt, directory: place, program });
  }

  #say(answer: LauncherAnswer): void {
    const tell = this.#answer;
    this.#answer = undefined;
    tell?.(answer);
  }

  #lastWords(): string {
    if (this.#complaints === -1) return '';
    const size = fstatSync(this.#complaints).size;
    const bytes = Buffer.alloc(Math.min(size, 300));
    readSync(this.#complaints, bytes, 0, bytes.length, size - bytes.length);
    const last = bytes.toString('utf8').trim().split('\n').at(-1) ?? '';
    return last === '' ? '' : `: ${last}`;
  }

  #close(): void {
    this.#window?.close();
    if (this.#complaints !== -1) closeSync(this.#complaints);
    this.#complaints = -1;
  }
}

function parseAnswer(words: readonly string[]): LauncherAnswer {
  const [kind, first = '', second = '', third = '', fourth = '', fifth = '', sixth = '', seventh = ''] = words;
  if (kind === 'fenced') return { kind, pid: Number(first) };
  if (kind !== 'ended') return { kind: 'refused' };
  return {
    kind,
    status: first.startsWith('SIG') ? first : Number(first),
    startedAt: Number(second),
    endedAt: Number(third),
    pid: Number(fourth),
    recorded: fifth === '1',
    said: Number(sixth),
    isSilent: seventh === '0',
  };
}

let complaintFiles = 0;

/** A file without a name: the shell appends to it, and reads it from the beginning through a descriptor of its own. */
function openComplaints(): { readonly write: number; readonly read: number } {
  complaintFiles += 1;
  const path = join(tmpdir(), `heddle-launcher-${process.pid}-${complaintFiles}`);
  let write = -1;
  try {
    // A name left by a dead process with our pid would be somebody else's: never opened, always made.
    unlinkQuietly(path);
    write = openSync(path, 'ax', 0o600);
    return { write, read: openSync(path, 'r') };
  } catch (error) {
    if (write !== -1) closeSync(write);
    throw unavailable('a launcher', error);
  } finally {
    if (write !== -1) unlinkQuietly(path);
  }
}

function unlinkQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Not there.
  }
}

function unavailable(what: string, cause?: unknown): HeddleError {
  const why = cause instanceof Error ? cause.message : 'no process could be started';
  return new HeddleError('BACKEND_UNAVAILABLE', `cannot start ${what}: ${why}`, {
    cause,
    hint: 'the machine is out of processes, descriptors or space; it is tried again',
  });
}

/** Epoch milliseconds at which the machine came up; 0 where there is no `/proc`. */
function bootMoment(clock: Clock): number {
  try {
    const seconds = Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]);
    return Math.round(clock.now().wall - seconds * 1000);
  } catch {
    return 0;
  }
}
