import type { Clock } from '../../model/index.ts';
import { makeFrame } from './frame.ts';
import { type Cut, cutAfter } from './cut.ts';
import { connectShell, endStreams, makeStreams, runShell, type ShellEnd, type ShellProcess } from './shell-process.ts';
import type { Connection, RunAnswer, RunOptions, Transport } from './transport.ts';

export const DEFAULT_TIMEOUT_MS: number = 60_000;
export const DEFAULT_OUTPUT_BYTES: number = 64 * 1024 * 1024;

/** The way to this machine: /bin/sh, with our own environment. */
export function localTransport(options: { readonly clock: Clock }): Transport {
  return new LocalTransport(options.clock);
}

class LocalTransport implements Transport {
  readonly name: string = 'local';
  readonly key: string = 'local';
  readonly sharesFiles: boolean = true;
  readonly #clock: Clock;
  readonly #live = new Set<ShellProcess>();
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async run(script: string, options: RunOptions = {}): Promise<RunAnswer> {
    options.signal?.throwIfAborted();
    if (this.#closed) return CLOSED;
    const { timeoutMs = DEFAULT_TIMEOUT_MS, maxOutputBytes = DEFAULT_OUTPUT_BYTES, input = '' } = options;
    const cut = cutAfter({ clock: this.#clock, timeoutMs, signal: options.signal });
    const { process, output } = runShell(this.#order(script, false), {
      input,
      maxBytes: maxOutputBytes,
      onFull: () => cut.now(`it said more than ${maxOutputBytes} bytes`),
    });
    this.#keep(process);
    cut.whenCut(() => process.close());
    const end = await process.ended;
    cut.done();
    if (cut.aborted) throw options.signal?.reason;
    return answerOf(end, cut, output);
  }

  connect(script: string): Connection {
    const streams = makeStreams();
    const { process } = connectShell(this.#order(script, true), streams);
    this.#keep(process);
    if (this.#closed) process.close();
    const ended = process.ended.then((end) => {
      endStreams(streams);
      return { answer: answerOf(end), stderr: end.stderr };
    });
    return { ...streams, ended, pid: process.pid, close: () => process.close() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const process of this.#live) process.close();
    await Promise.all([...this.#live].map((process) => process.gone));
  }

  #order(script: string, talks: boolean) {
    const frame = makeFrame(script, talks);
    return { argv: ['/bin/sh', '-c'], frame, clock: this.#clock, patient: false, ownsGroup: false };
  }

  #keep(process: ShellProcess): void {
    this.#live.add(process);
    void process.gone.then(() => this.#live.delete(process));
  }
}

const CLOSED: RunAnswer = { kind: 'unreachable', why: 'the transport was closed', began: false };
const NOTHING = new Uint8Array(0);

function answerOf(end: ShellEnd, cut?: Cut, output?: () => Uint8Array): RunAnswer {
  const why = cut?.why;
  if (why === undefined && end.code !== undefined) {
    return { kind: 'ended', code: end.code, stdout: output?.() ?? NOTHING, stderr: end.stderr };
  }
  const how = end.error === undefined ? 'the shell was killed' : `/bin/sh cannot be started: ${end.error.message}`;
  return { kind: 'unreachable', why: why ?? how, began: end.begun };
}
