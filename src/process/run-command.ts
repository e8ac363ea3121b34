import { type ChildProcess, spawn } from 'node:child_process';
import { type Clock, HeddleError } from '../model/index.ts';
import { escalate } from './escalation.ts';
import { groupTarget, isGroupAlive } from './members.ts';

const STDERR_TAIL_BYTES = 4096;

/** How a tool is run. */
export interface CommandOptions {
  readonly clock: Clock;
  readonly cwd?: string;
  /** The whole environment. @default our own */
  readonly env?: Readonly<Record<string, string>>;
  /** Written to its stdin, which is then closed; without it stdin is the null device. */
  readonly input?: string | Uint8Array;
  /** After this the group is ended. @default 60000 */
  readonly timeoutMs?: number;
  /** From TERM to KILL when it is ended. @default 2000 */
  readonly graceMs?: number;
  /** A tool that says more on stdout is ended. @default 16 MiB */
  readonly maxOutputBytes?: number;
  /** Exit codes that are no failure. @default [0] */
  readonly accept?: readonly number[];
  readonly signal?: AbortSignal;
}

/** What a tool that ended well said. */
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  /** The last 4 KB. */
  readonly stderr: string;
}

/** Why a tool failed, as data. */
export interface CommandFailure {
  readonly command: readonly string[];
  readonly why: 'not-found' | 'exit' | 'signal' | 'timeout' | 'output' | 'aborted';
  readonly code?: number;
  readonly signal?: string;
  /** The last 4 KB. */
  readonly stderr: string;
}

/** A tool Heddle needed failed. */
export class CommandError extends HeddleError<CommandFailure> {
  override readonly name: string = 'CommandError';
}

/**
 * Runs a tool (never a task) to its end, in a process group of its own; whatever way it ends, nothing of the group
 * is left. Not a shell: `argv[0]` is looked up on PATH.
 *
 * @throws {CommandError} BACKEND_UNAVAILABLE when it cannot be started, ends badly, takes or says too much
 */
export async function runCommand(argv: readonly string[], options: CommandOptions): Promise<CommandResult> {
  options.signal?.throwIfAborted();
  const { clock, timeoutMs = 60_000, graceMs = 2000, maxOutputBytes = 16 * 1024 * 1024 } = options;
  const [file = '', ...args] = argv;
  const child = spawn(file, args, {
    detached: true,
    cwd: options.cwd,
    env: options.env,
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  const ending = new Ending(child.pid, { clock, graceMs });
  const stdout = new Capture(maxOutputBytes, () => ending.begin('output'));
  const stderr = new Tail(STDERR_TAIL_BYTES);
  child.stdout?.on('data', (chunk: Buffer) => stdout.add(chunk));
  child.stderr?.on('data', (chunk: Buffer) => stderr.add(chunk));
  // A tool that does not read to the end of its input breaks the pipe; its exit code says what it thinks.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(options.input);
  const timer = clock.after(timeoutMs, () => ending.begin('timeout'));
  const abort = (): void => ending.begin('aborted');
  options.signal?.addEventListener('abort', abort, { once: true });
  try {
    const end = await endOf(child, ending);
    await ending.done;
    const why = judge(end, ending.why, options.accept ?? [0]);
    if (why === undefined) return { code: end.code ?? 0, stdout: stdout.text(), stderr: stderr.text() };
    if (why === 'aborted') throw options.signal?.reason;
    const { code, signal, error } = end;
    const facts = { ...(code === null ? {} : { code }), ...(signal === null ? {} : { signal }) };
    throw failed({ command: argv, why, stderr: stderr.text(), ...facts }, error);
  } finally {
    timer.cancel();
    options.signal?.removeEventListener('abort', abort);
  }
}

interface ToolEnd {
  readonly code: number | null;
  readonly signal: string | null;
  /** It could not be started. */
  readonly error?: Error;
}

/** Resolves when the tool has ended and its pipes are empty. What it left behind would hold them open: it is ended. */
function endOf(child: ChildProcess, ending: Ending): Promise<ToolEnd> {
  const { promise, resolve } = Promise.withResolvers<ToolEnd>();
  child.once('error', (error) => {
    if (child.pid === undefined) resolve({ code: null, signal: null, error });
  });
  child.once('exit', () => ending.begin(undefined));
  child.once('close', (code, signal) => resolve({ code, signal }));
  return promise;
}

function judge(end: ToolEnd, why: CommandFailure['why'] | undefined, accept: readonly number[]) {
  if (why !== undefined) return why;
  if (end.error !== undefined) return 'not-found';
  if (end.code === null) return 'signal';
  return accept.includes(end.code) ? undefined : 'exit';
}

/** Ends a tool's group, once, and remembers why. */
class Ending {
  readonly #group: number | undefined;
  readonly #how: { readonly clock: Clock; readonly graceMs: number };
  #why: CommandFailure['why'] | undefined;
  #done: Promise<void> | undefined;

  constructor(group: number | undefined, how: { readonly clock: Clock; readonly graceMs: number }) {
    this.#group = group;
    this.#how = how;
  }

  /** Undefined when it ended by itself and only what it left behind was ended. */
  get why(): CommandFailure['why'] | undefined {
    return this.#why;
  }

  /** Resolves when nothing of the group lives; at once when nothing had to be ended. */
  get done(): Promise<void> | undefined {
    return this.#done;
  }

  begin(why: CommandFailure['why'] | undefined): void {
    const group = this.#group;
    if (this.#done !== undefined || group === undefined || !isGroupAlive(group)) return;
    this.#why = why;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#done = promise;
    escalate(groupTarget(group), { ...this.#how, whenDead: resolve });
  }
}

function failed(failure: CommandFailure, cause?: Error): CommandError {
  const last = failure.stderr.trim().split('\n').at(-1) ?? '';
  const how = {
    'not-found': `cannot be started: ${cause?.message ?? ''}`,
    exit: `ended with code ${failure.code}`,
    signal: `was killed by ${failure.signal}`,
    timeout: 'took too long',
    output: 'said too much',
    aborted: 'was aborted',
  }[failure.why];
  const message = `'${failure.command.join(' ').slice(0, 200)}' ${how}${last === '' ? '' : `: ${last.slice(0, 300)}`}`;
  return new CommandError('BACKEND_UNAVAILABLE', message, { details: failure, cause });
}

/** Keeps what is said up to a bound, and says when the bound is passed. */
class Capture {
  readonly #limit: number;
  readonly #whenFull: () => void;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(limit: number, whenFull: () => void) {
    this.#limit = limit;
    this.#whenFull = whenFull;
  }

  add(chunk: Buffer): void {
    if (this.#bytes > this.#limit) return;
    this.#bytes += chunk.length;
    this.#chunks.push(chunk);
    if (this.#bytes > this.#limit) this.#whenFull();
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }
}

/** Keeps the last bytes of what is said. */
class Tail {
  readonly #limit: number;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(chunk: Buffer): void {
    const all = Buffer.concat([this.#bytes, chunk]);
    this.#bytes = all.length > this.#limit ? all.subarray(all.length - this.#limit) : all;
  }

  text(): string {
    return this.#bytes.toString('utf8');
  }
}
