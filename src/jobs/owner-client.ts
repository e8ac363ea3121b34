import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { deserialize } from 'node:v8';
import type { Explanation, JobView, RunView } from '../engine/index.ts';
import { asRunId, type EngineEvent, HeddleError, type RunId, type SeenOwner, type Store } from '../model/index.ts';
import { systemClock } from '../process/index.ts';
import { type ControlOp, type ControlReply, type ControlRequest, fromWireError } from './control-protocol.ts';
import { connectPath } from './owner-socket.ts';
import { RemoteStore } from './remote-store.ts';
import type { RunControl, RunningJob } from './run-control.ts';

/** An owner's loop is never held for long: one that says nothing for so long is stopped, or stuck. */
const FIRST_WORD_MS = 5000;

type Waiting =
  | { readonly kind: 'one'; readonly resolve: (value: unknown) => void; readonly reject: (error: Error) => void }
  | {
      readonly kind: 'pieces';
      readonly pieces: Buffer[];
      readonly resolve: () => void;
      readonly reject: (error: Error) => void;
    }
  | {
      readonly kind: 'many';
      readonly events: EngineEvent[];
      ended: boolean;
      error: Error | undefined;
      wake: () => void;
    };

/**
 * Steers a run through the socket of the engine that owns it. When nobody answers there, the owner's remedy is told.
 *
 * @throws {HeddleError} RUN_OWNED when the owner lives but doesn't answer
 */
export async function connectControl(
  path: string,
  run: RunId,
  owner: Pick<SeenOwner, 'remedy'> = {},
): Promise<RunControl> {
  const wire = await Wire.connect(path, run, owner.remedy);
  await wire.hearFirst();
  return {
    run,
    view: async () => (await wire.ask('view')) as RunView,
    job: async (job) => (await wire.ask('job', { jobs: [job] })) as JobView,
    why: async (job) => (await wire.ask('why', { jobs: [job] })) as Explanation,
    running: async () => (await wire.ask('running')) as readonly RunningJob[],
    stuck: async () => (await wire.ask('stuck')) as readonly string[],
    cancel: async (jobs) => void (await wire.ask('cancel', jobs === undefined ? {} : { jobs })),
    pause: async () => void (await wire.ask('pause')),
    unpause: async () => void (await wire.ask('unpause')),
    hold: async (jobs) => void (await wire.ask('hold', { jobs })),
    release: async (jobs) => void (await wire.ask('release', { jobs })),
    retry: async (changes) => void (await wire.ask('retry', changes === undefined ? {} : { changes })),
    rerun: async (jobs) => void (await wire.ask('rerun', { jobs })),
    events: (after, signal) => wire.follow(after, signal),
    [Symbol.asyncDispose]: async () => wire.close(),
  };
}

/**
 * Reads a store through the socket of a process that has it to itself.
 *
 * @throws {HeddleError} RUN_OWNED when nobody answers there
 */
export async function connectStore(path: string): Promise<Store> {
  const wire = await Wire.connect(path, asRunId(''));
  return new RemoteStore({
    read: async (method, args) => wire.read(method, args),
    close: async () => wire.close(),
  });
}

/** Questions out, answers in, told apart by number. When the owner hangs up every open question fails. */
class Wire {
  readonly #socket: Socket;
  readonly #run: RunId;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #pending = '';
  #broken: Error | undefined;

  static async connect(path: string, run: RunId, remedy = 'it may be stopping: try again in a moment'): Promise<Wire> {
    try {
      const socket = connect(await connectPath(path));
      await once(socket, 'connect');
      return new Wire(socket, run);
    } catch (error) {
      throw silent(run, remedy, error);
    }
  }

  private constructor(socket: Socket, run: RunId) {
    this.#socket = socket;
    this.#run = run;
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => this.#receive(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(undefined));
  }

  /** Waits for any answer at all: for a process that is stopped, the kernel takes connections and questions. */
  async hearFirst(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = systemClock.after(FIRST_WORD_MS, () => {
      reject(silent(this.#run, "it may be stopped: 'heddle show' names its process"));
      void this.close();
    });
    this.ask('view').then(
      () => resolve(),
      () => resolve(),
    );
    await promise.finally(() => timer.cancel());
  }

  ask(op: ControlOp, more: Pick<ControlRequest, 'jobs' | 'changes'> = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#send(op, more, { kind: 'one', resolve, reject });
    });
  }

  /** What a reading method of the owner's store gives. The peer is this user: the socket lets nobody else in. */
  read(method: string, args: readonly unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const pieces: Buffer[] = [];
      const finish = (): void => resolve(deserialize(Buffer.concat(pieces)));
      this.#send('read', { method, args }, { kind: 'pieces', pieces, resolve: finish, reject });
    });
  }

  async *follow(after: number, signal?: AbortSignal): AsyncGenerator<EngineEvent> {
    const stream: Waiting & { kind: 'many' } = {
      kind: 'many',
      events: [],
      ended: false,
      error: undefined,
      wake: () => undefined,
    };
    const id = this.#send('events', { after }, stream);
    const stop = (): void => stream.wake();
    signal?.addEventListener('abort', stop, { once: true });
    try {
      while (signal?.aborted !== true) {
        const events = stream.events.splice(0);
        yield* events;
        if (events.length > 0 || stream.events.length > 0) continue;
        if (stream.error !== undefined) throw stream.error;
        if (stream.ended) return;
        const { promise, resolve } = Promise.withResolvers<void>();
        stream.wake = resolve;
        await promise;
      }
    } finally {
      signal?.removeEventListener('abort', stop);
      this.#waiting.delete(id);
    }
  }

  async close(): Promise<void> {
    if (this.#socket.closed) return;
    this.#socket.destroy();
    await once(this.#socket, 'close');
  }

  #send(op: ControlOp, more: Partial<ControlRequest>, waiting: Waiting): number {
    const id = this.#nextId;
    this.#nextId += 1;
    this.#waiting.set(id, waiting);
    if (this.#broken !== undefined) this.#fail(this.#broken);
    else this.#socket.write(`${JSON.stringify({ id, op, run: this.#run, ...more })}\n`);
    return id;
  }

  #receive(chunk: string): void {
    const lines = (this.#pending + chunk).split('\n');
    this.#pending = lines.pop() ?? '';
    try {
      for (const line of lines) this.#take(JSON.parse(line) as ControlReply);
    } catch (error) {
      // Whoever listens there is no engine.
      this.#fail(error instanceof Error ? error : undefined);
      this.#socket.destroy();
    }
  }

  #take(reply: ControlReply): void {
    const waiting = this.#waiting.get(reply.id);
    if ('error' in reply && reply.id === 0) {
      this.#fail(fromWireError(reply.error));
      return;
    }
    if (waiting === undefined) return;
    if (waiting.kind === 'pieces') {
      if ('piece' in reply) {
        waiting.pieces.push(Buffer.from(reply.piece, 'base64'));
        return;
      }
      this.#waiting.delete(reply.id);
      if ('error' in reply) waiting.reject(fromWireError(reply.error));
      else waiting.resolve();
      return;
    }
    if (waiting.kind === 'one') {
      this.#waiting.delete(reply.id);
      if ('error' in reply) waiting.reject(fromWireError(reply.error));
      else if ('value' in reply) waiting.resolve(reply.value);
      return;
    }
    if ('events' in reply) waiting.events.push(...reply.events);
    else if ('error' in reply) waiting.error = fromWireError(reply.error);
    else waiting.ended = true;
    waiting.wake();
  }

  #fail(cause: Error | undefined): void {
    this.#broken ??= HeddleError.is(cause)
      ? cause
      : new HeddleError('ENGINE_CLOSED', `the owner of run '${this.#run}' has hung up`, {
          ...(cause === undefined ? {} : { cause }),
          hint: "'heddle runs' says what became of it",
        });
    for (const waiting of this.#waiting.values()) {
      if (waiting.kind !== 'many') {
        waiting.reject(this.#broken);
        continue;
      }
      waiting.error ??= this.#broken;
      waiting.wake();
    }
    this.#waiting.clear();
  }
}

function silent(run: RunId, hint: string, cause?: unknown): HeddleError {
  return new HeddleError('RUN_OWNED', `the owner ${run === '' ? 'of the store' : `of run '${run}'`} does not answer`, {
    ...(cause === undefined ? {} : { cause }),
    hint,
  });
}
