import { type ChildProcess, fork, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Duplex, Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { encodeFrame, FrameReader, PREAMBLE } from '../../../src/lanes/frames.ts';
import type { FromWorker, LaneCall, ToWorker } from '../../../src/lanes/protocol.ts';
import { asAttemptId, type CallReference } from '../../../src/model/index.ts';

const FORK = fileURLToPath(new URL('../../../src/lanes/fork.entry.ts', import.meta.url));
const BIN = fileURLToPath(new URL('../../../bin/heddle.cjs', import.meta.url));

type Body = CallReference | ((...args: never[]) => unknown);
type Start = Extract<ToWorker, { kind: 'start' }>;

export interface Said {
  readonly messages: readonly FromWorker[];
  /** What came past the protocol. */
  readonly raw: string;
}

/** A worker in a child process, spoken to without a backend. Its end takes everything of it along. */
export class RawLane implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly messages: FromWorker[] = [];
  raw = '';
  readonly #send: (messages: readonly ToWorker[]) => void;
  readonly #ended: Promise<string>;
  #count = 0;
  #heard = Promise.withResolvers<void>();

  /** Over IPC, with its watchdog's socket and a file for its notes. */
  static forked(folder: string): RawLane {
    const note = openSync(join(folder, 'note'), 'w+');
    const child = fork(FORK, [], {
      cwd: folder,
      detached: true,
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'ipc', note],
      execArgv: [],
    });
    closeSync(note);
    const lane = new RawLane(child, (messages) => void child.send(messages as object[]));
    child.on('message', (messages) => lane.#hear(messages as unknown as readonly FromWorker[]));
    lane.#hearRaw(child.stdout as Readable);
    lane.watch.on('error', () => undefined);
    return lane;
  }

  /** `heddle lane` over frames, as a shell on another machine would start it. */
  static framed(folder: string): RawLane {
    const child = spawn('sh', ['-c', `echo Welcome!; exec "$0" lane --out 4 4>&1 1>&2`, BIN], {
      cwd: folder,
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const input = child.stdin as Writable;
    const reader = new FrameReader<FromWorker>(PREAMBLE);
    const lane = new RawLane(child, (messages) => void input.write(encodeFrame(messages)));
    input.on('error', () => undefined);
    (child.stdout as Readable).on('data', (chunk: Buffer) => {
      for (const messages of reader.read(chunk)) lane.#hear(messages);
    });
    return lane;
  }

  private constructor(child: ChildProcess, send: (messages: readonly ToWorker[]) => void) {
    this.child = child;
    this.#send = send;
    this.#ended = new Promise((resolve) => {
      child.once('close', (code, signal) => resolve(String(signal ?? code)));
    });
    this.#hearRaw(child.stderr as Readable);
  }

  get watch(): Duplex {
    return this.child.stdio[3] as Duplex;
  }

  /** Its exit code or signal, when everything it said has come. */
  get ended(): Promise<string> {
    return this.#ended;
  }

  start(body: Body, more: Partial<LaneCall> = {}): Start {
    const slot = this.#count;
    this.#count += 1;
    return {
      kind: 'start',
      attempt: asAttemptId(`a-${slot}`),
      fence: 1,
      slot,
      limits: { graceMs: 100, outputBytes: 64 * 1024 * 1024, valueBytes: 1024 * 1024 },
      call: {
        reference: typeof body === 'function' ? { kind: 'source', source: String(body) } : body,
        args: [],
        run: 'r-1',
        job: `job ${slot}`,
        directory: '',
        ...more,
      },
    };
  }

  send(...messages: readonly ToWorker[]): void {
    this.#send(messages);
  }

  /** Resolves with what `look` finds in all that was said. */
  async until<Found>(look: (said: Said) => Found | undefined): Promise<Found> {
    for (;;) {
      const found = look(this);
      if (found !== undefined) return found;
      await this.#heard.promise;
    }
  }

  /** How a call ended: its value as it was written, or the name of what it is. */
  async end({ attempt }: Start): Promise<string> {
    const ended = await this.until(({ messages }) =>
      messages.find((message) => message.kind === 'ended' && message.attempt === attempt),
    );
    if (ended.kind !== 'ended') return '';
    const { outcome } = ended;
    if (outcome.kind === 'error') return `${outcome.error.name}: ${outcome.error.message}`;
    return outcome.kind === 'ok' && outcome.value?.codec === 'json' ? outcome.value.json : outcome.kind;
  }

  async running({ attempt }: Start): Promise<void> {
    await this.until(({ messages }) =>
      messages.find((message) => message.kind === 'started' && message.attempt === attempt),
    );
  }

  said({ attempt }: Start, stream: 'stdout' | 'stderr' = 'stdout'): string {
    const chunks = this.messages.flatMap((message) =>
      message.kind === 'output' && message.attempt === attempt && message.stream === stream ? [message.chunk] : [],
    );
    return Buffer.concat(chunks).toString();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    process.kill(-(this.child.pid as number), 'SIGKILL');
    await this.#ended;
  }

  #hear(messages: readonly FromWorker[]): void {
    this.messages.push(...messages);
    this.#wake();
  }

  #hearRaw(stream: Readable): void {
    stream.on('data', (chunk: Buffer) => {
      this.raw += String(chunk);
      this.#wake();
    });
  }

  #wake(): void {
    this.#heard.resolve();
    this.#heard = Promise.withResolvers();
  }
}
