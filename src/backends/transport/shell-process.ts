import { type ChildProcess, spawn } from 'node:child_process';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import type { Clock, Timer } from '../../model/index.ts';
import { escalate, groupTarget, leftBy } from '../../process/index.ts';
import { findEnd, type Frame, NoiseCutter } from './frame.ts';

const STDERR_TAIL_BYTES = 4096;
/** From the end of the script to the end of what carried it. What the script left in the background may hold its streams. */
const LINGER_MS = 1000;
/** From TERM to KILL. */
const GRACE_MS = 500;

/** Which program carries a shell, and what it is to do. */
export interface ShellOrder {
  /** The boot is put behind it as the last argument. */
  readonly argv: readonly string[];
  readonly frame: Frame;
  readonly clock: Clock;
  /**
   * The script is sent when the shell there has said that it reads, not at once: a round trip more, and safe from start-up
   * files that take all they can get.
   */
  readonly patient: boolean;
  /** Nothing in the carrier's process group is the script's. */
  readonly ownsGroup: boolean;
}

/** How a shell ended. */
export interface ShellEnd {
  /** Exit code of the script. Undefined: nobody has seen its end. */
  readonly code: number | undefined;
  /** The shell there was heard of. */
  readonly begun: boolean;
  /** The script was not run, since something took it out of the stream. */
  readonly eaten: boolean;
  /** The script was not sent. */
  readonly unsent: boolean;
  /** The last 4 KB; of the script alone where it began, else with all that was said. */
  readonly stderr: string;
  /** The end of what was on standard output before the script. */
  readonly noise: string;
  /** Of what carried it: its exit code; undefined when it was ended by a signal. */
  readonly carrier: number | undefined;
  /** It could not be started. */
  readonly error?: NodeJS.ErrnoException;
}

/** The two ways to take what a script says and to give it what it reads. */
interface Streams {
  /** Output without the noise. */
  readonly take: (chunk: Buffer) => void;
  /** The script was sent: from now on its input can be. */
  readonly give: (stdin: Writable) => void;
  /** The script may have said its last word, and this is how the output ends. */
  readonly tail?: () => Buffer;
}

/**
 * A shell behind a program that carries its streams, in a process group of its own. It ends when the script has said its
 * last word, when its carrier ends, or when it is ended.
 */
export class ShellProcess {
  readonly #order: ShellOrder;
  readonly #streams: Streams;
  readonly #child: ChildProcess;
  readonly #cutter: NoiseCutter;
  readonly #ended = Promise.withResolvers<ShellEnd>();
  readonly #gone = Promise.withResolvers<void>();
  #stderr: Buffer = Buffer.alloc(0);
  #code: number | undefined;
  #sent = false;
  #closing = false;
  #lingering: Timer | undefined;
  readonly #onBegin: (() => void)[] = [];

  constructor(order: ShellOrder, streams: Streams) {
    this.#order = order;
    this.#streams = streams;
    this.#cutter = new NoiseCutter(order.frame.begin);
    const [file = '', ...args] = order.argv;
    this.#child = spawn(file, [...args, order.frame.boot], { detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#listen();
    // Whoever does not read to the end breaks the pipe; how it ended tells the rest.
    this.#child.stdin?.on('error', () => undefined);
    if (order.patient) this.#child.stdin?.write(order.frame.padding);
    else this.#send(order.frame.padding + order.frame.script);
  }

  /** What the carrier says; for who wants to hold it back. */
  get stdout(): Readable | null {
    return this.#child.stdout;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get begun(): boolean {
    return this.#cutter.begun;
  }

  /** When the script's end is known, or that nobody will know it. Never rejects. */
  get ended(): Promise<ShellEnd> {
    return this.#ended.promise;
  }

  /** When nothing of what carried it is left, which may be a moment later. */
  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  /** Calls back when the shell there is heard of. */
  whenBegun(callback: () => void): void {
    if (this.begun) callback();
    else this.#onBegin.push(callback);
  }

  /** Ends what carries it. */
  close(graceMs: number = GRACE_MS): void {
    const { pid } = this.#child;
    if (this.#closing || pid === undefined) return;
    this.#closing = true;
    const hasExited = this.#child.exitCode !== null || this.#child.signalCode !== null;
    // What a script that has said its last word left behind is not ours, where it may be in this group.
    if (hasExited || (this.#code !== undefined && !this.#order.ownsGroup)) this.#letGo();
    else escalate(groupTarget(pid), { clock: this.#order.clock, graceMs, whenDead: () => this.#letGo() });
  }

  #listen(): void {
    const child = this.#child;
    child.stdout?.on('data', (chunk: Buffer) => this.#hear(chunk));
    child.stderr?.on('data', (chunk: Buffer) => this.#hearError(chunk));
    child.once('error', (error) => {
      if (child.pid === undefined) this.#end(undefined, error);
    });
    // What outlives its carrier and holds its streams is not waited for.
    child.once('exit', () => this.#linger(() => this.#letGo()));
    child.once('close', (code) => this.#end(code ?? undefined));
  }

  #hear(chunk: Buffer): void {
    const hadBegun = this.#cutter.begun;
    const rest = this.#cutter.take(chunk);
    if (!hadBegun && this.#cutter.begun) {
      if (this.#order.patient) this.#send(this.#order.frame.script);
      for (const callback of this.#onBegin.splice(0)) callback();
    }
    if (rest === undefined) return;
    this.#streams.take(rest);
    const tail = this.#streams.tail?.();
    if (tail === undefined) return;
    const end = findEnd(tail, this.#order.frame.end);
    if (end === undefined) return;
    this.#code = end.code;
    this.#settle();
  }

  #hearError(chunk: Buffer): void {
    const all = this.#stderr.length === 0 ? chunk : Buffer.concat([this.#stderr, chunk]);
    this.#stderr = all.length > 2 * STDERR_TAIL_BYTES ? all.subarray(all.length - STDERR_TAIL_BYTES) : all;
    if (this.#code !== undefined) this.#settle();
  }

  #send(text: string): void {
    const { stdin } = this.#child;
    if (stdin === null || this.#sent) return;
    this.#sent = true;
    stdin.write(text);
    this.#streams.give(stdin);
  }

  /** The script's end is on one stream; when it is on the other too, all is said. */
  #settle(): void {
    if (findEnd(this.#stderr, this.#order.frame.end) === undefined) return;
    this.#ended.resolve(this.#describe(undefined));
    this.#linger(() => (this.#order.ownsGroup ? this.close() : this.#letGo()));
  }

  #linger(then: () => void): void {
    this.#lingering?.cancel();
    this.#lingering = this.#order.clock.after(LINGER_MS, then);
  }

  #letGo(): void {
    this.#child.stdin?.destroy();
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
  }

  #end(carrier: number | undefined, error?: NodeJS.ErrnoException): void {
    const { pid } = this.#child;
    this.#lingering?.cancel();
    if (pid !== undefined && this.#order.ownsGroup) leftBy(pid).signal('SIGKILL');
    this.#ended.resolve(this.#describe(carrier, error));
    this.#gone.resolve();
  }

  #describe(carrier: number | undefined, error?: NodeJS.ErrnoException): ShellEnd {
    const { frame } = this.#order;
    const { text, code } = cutError(this.#stderr, frame);
    const noise = this.#cutter.noise;
    return {
      code: this.#code ?? code,
      begun: this.begun,
      eaten: this.#stderr.includes(frame.eaten),
      unsent: !this.#sent,
      stderr: text,
      noise: noise.toString('utf8'),
      carrier,
      ...(error === undefined ? {} : { error }),
    };
  }
}

/** What the script said on standard error, and its exit code if it is there. */
function cutError(stderr: Buffer, frame: Frame): { readonly text: string; readonly code: number | undefined } {
  const begin = stderr.indexOf(frame.begin);
  const from = begin < 0 ? 0 : begin + frame.begin.length;
  const end = findEnd(stderr, frame.end);
  const text = stderr.subarray(from, end?.at ?? stderr.length);
  return { text: text.subarray(Math.max(0, text.length - STDERR_TAIL_BYTES)).toString('utf8'), code: end?.code };
}

/** What is gathered of a script's output. */
interface Gathered {
  /** All of it, without the last line that tells the exit code. */
  readonly output: () => Uint8Array;
  readonly process: ShellProcess;
}

/** Runs a script whose input is known. `onFull` is called when it says more than `maxBytes`. */
export function runShell(
  order: ShellOrder,
  options: { readonly input: string | Uint8Array; readonly maxBytes: number; readonly onFull: () => void },
): Gathered {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const whole = (): Buffer => {
    const all = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
    chunks.splice(0, chunks.length, all);
    return all;
  };
  const process = new ShellProcess(order, {
    give: (stdin) => void stdin.end(options.input),
    take: (chunk) => {
      if (bytes > options.maxBytes) return;
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > options.maxBytes) options.onFull();
    },
    tail: () => {
      const last = chunks.at(-1) ?? Buffer.alloc(0);
      const longest = order.frame.end.length + 8;
      if (last.length >= longest || chunks.length <= 1) return last.subarray(Math.max(0, last.length - longest));
      // The last line came in pieces.
      return whole().subarray(-longest);
    },
  });
  const output = (): Uint8Array => {
    const all = whole();
    return all.subarray(
      0,
      findEnd(all.subarray(-64), order.frame.end) === undefined ? all.length : all.lastIndexOf(order.frame.end),
    );
  };
  return { output, process };
}

/** The streams of a script as they are here, before it is there and after. */
export interface ShellStreams {
  readonly input: PassThrough;
  readonly output: PassThrough;
}

export function makeStreams(): ShellStreams {
  const streams = { input: new PassThrough(), output: new PassThrough() };
  // Whoever closes a stream early has what he wanted.
  streams.input.on('error', () => undefined);
  streams.output.on('error', () => undefined);
  return streams;
}

/** Nothing more comes: says so to whoever writes and reads. */
export function endStreams({ input, output }: ShellStreams): void {
  input.destroy();
  output.end();
}

/** Starts a script whose streams are wanted. */
export function connectShell(
  order: ShellOrder,
  streams: ShellStreams = makeStreams(),
): {
  readonly process: ShellProcess;
} {
  const { input, output } = streams;
  let stdout: Readable | null = null;
  const process = new ShellProcess(order, {
    give: (stdin) => void input.pipe(stdin),
    take: (chunk) => {
      if (!output.write(chunk)) stdout?.pause();
    },
  });
  stdout = process.stdout;
  output.on('drain', () => stdout?.resume());
  void process.ended.then(() => {
    input.unpipe();
  });
  return { process };
}
