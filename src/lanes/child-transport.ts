import type { ChildProcess } from 'node:child_process';
import type { Duplex } from 'node:stream';
import type { Clock } from '../model/index.ts';
import {
  escalate,
  leftBy,
  MemoryKills,
  type ProcessIdentity,
  type ProcessTable,
  readProcess,
  signalGroup,
} from '../process/index.ts';
import type { FromWorker, ToWorker } from './protocol.ts';
import type { CallFate, LaneEnd, Transport, TransportListener } from './transport.ts';
import { CHILD_WORDS } from './worker-slots.ts';

/** What carries the messages of a child process. */
export interface Wire {
  /** Throws when something in them can't be copied. */
  send(messages: readonly ToWorker[]): void;
  /** Resolves when nothing more will come. */
  readonly closed: Promise<void>;
  hold(isHeld: boolean): void;
  /** How far it was, by what it noted; undefined where nothing is noted. */
  readNote?(): number;
  close?(): void;
}

/** A child that leads a process group of its own. */
export interface GroupChild {
  readonly child: ChildProcess;
  readonly pid: number;
  /** The socket to its watchdog, where it has one. */
  readonly watch: Duplex | undefined;
  readonly wire: (heard: (messages: readonly FromWorker[]) => void) => Wire;
  readonly clock: Clock;
  readonly memoryBytes: number | undefined;
  /** Its standard output carries the messages. */
  readonly isFramed?: boolean;
}

/** How long a watchdog may take to say whether it took a call back. */
const RECALL_MS = 1000;
/** What its dead worker wrote is waited for so long: a child of a body that left its group may hold the pipe open. */
const LAST_WORDS_MS = 300;
const TAIL_BYTES = 4096;
const PAGE_BYTES = 4096;
const TAKEN_BACK = 0x80000000;

const memoryKills: MemoryKills = new MemoryKills();

/**
 * A worker in a process that leads a group: its end is the end of the whole group. Calls are counted; one that was sent
 * is taken back through the watchdog, which hears while the main thread computes.
 */
export class ChildTransport implements Transport {
  readonly identity: ProcessIdentity;
  readonly #options: GroupChild;
  readonly #wire: Wire;
  readonly #listener: TransportListener;
  /** Slots whose calls were sent and have neither ended nor been taken back, oldest first. */
  readonly #sent = new Set<number>();
  /** Slots that the worker has come to, or will not: all below this. */
  #passed = 0;
  #next = 0;
  readonly #recalls = new Map<number, (taken: boolean) => void>();
  #rest: Buffer = Buffer.alloc(0);
  #tail = '';
  /** What it had resident when it was given its first call. */
  #idlePages: number | undefined;
  #isForced = false;
  /** Heard and not passed on yet: what was written before it may still be on its way. */
  readonly #held: (readonly FromWorker[])[] = [];

  constructor(options: GroupChild, listener: TransportListener) {
    const { child, pid, watch } = options;
    this.#options = options;
    this.#listener = listener;
    this.identity = { pid, start: readProcess(pid)?.start ?? 0 };
    this.#wire = options.wire((messages) => this.#hear(messages));
    if (options.isFramed !== true) child.stdout?.on('data', (chunk: Uint8Array) => listener.wrote('stdout', chunk));
    child.stderr?.on('data', (chunk: Uint8Array) => {
      this.#tail = (this.#tail + Buffer.from(chunk).toString()).slice(-TAIL_BYTES);
      listener.wrote('stderr', chunk);
    });
    watch?.on('data', (chunk: Buffer) => this.#hearWatchdog(chunk));
    // Broken pipes and the like: the exit tells.
    watch?.on('error', () => undefined);
    child.on('error', () => undefined);
    const closed = new Promise<void>((resolve) => {
      child.once('close', () => resolve());
    });
    child.once('exit', (code, signal) => void this.#exited(code, signal, closed));
  }

  send(messages: readonly ToWorker[]): void {
    this.#wire.send(messages);
  }

  takeSlot(): number {
    if (this.#options.memoryBytes !== undefined) this.#idlePages ??= readProcess(this.identity.pid)?.rssPages;
    // A word of the worker's is used again only when what shared it has been passed.
    if (this.#next - this.#passed >= CHILD_WORDS) return -1;
    const slot = this.#next;
    this.#next += 1;
    this.#sent.add(slot);
    return slot;
  }

  free(slot: number): void {
    this.#sent.delete(slot);
    this.#passed = Math.max(this.#passed, slot + 1);
  }

  recall(slots: readonly number[], answer: (taken: readonly boolean[]) => void): void {
    const { watch, clock } = this.#options;
    const taken = slots.map(() => false);
    if (watch === undefined || watch.destroyed) {
      answer(taken);
      return;
    }
    let left = slots.length;
    const timer = clock.after(RECALL_MS, () => {
      for (const slot of slots) this.#answerRecall(slot, false);
    });
    for (const [i, slot] of slots.entries()) {
      this.#recalls.set(slot, (isTaken) => {
        taken[i] = isTaken;
        if (isTaken) this.#sent.delete(slot);
        left -= 1;
        if (left > 0) return;
        timer.cancel();
        answer(taken);
      });
    }
    const bytes = Buffer.alloc(4 * slots.length);
    for (const [i, slot] of slots.entries()) bytes.writeUInt32LE(slot, 4 * i);
    watch.write(bytes);
  }

  fateOf(slot: number): CallFate {
    const note = this.#wire.readNote?.();
    // Where nothing is noted, the oldest was at its turn.
    if (note === undefined) return slot === this.#sent.values().next().value ? 'begun' : 'sent';
    const last = Math.abs(note) - 1;
    if (slot === last) return note > 0 ? 'begun' : 'ended';
    return slot < last ? 'ended' : 'sent';
  }

  async heldBytes(table: () => ProcessTable): Promise<number | undefined> {
    // What is behind a command is elsewhere: the command's own memory says nothing of it.
    if (this.#options.watch === undefined || this.#idlePages === undefined) return undefined;
    let pages = -this.#idlePages;
    // It leads a session of its own.
    for (const { rssPages } of table().session(this.identity.pid)) pages += rssPages;
    return pages * PAGE_BYTES;
  }

  terminate(): void {
    this.#isForced = true;
    signalGroup(this.identity.pid, 'SIGKILL');
  }

  hold(isHeld: boolean): void {
    const { child, watch } = this.#options;
    for (const part of [child, child.stdin, child.stdout, child.stderr, watch]) {
      const held = part as { ref?(): void; unref?(): void } | null | undefined;
      if (isHeld) held?.ref?.();
      else held?.unref?.();
    }
    this.#wire.hold(isHeld);
  }

  /**
   * What a body or its children write straight to the descriptors comes by other pipes than the end of the call. It was
   * written before, so it has come once the loop has looked at all pipes again. Calls behind which others
   * wait are short, and start nothing that writes: they are not held up.
   */
  #hear(messages: readonly FromWorker[]): void {
    const isEnd = this.#sent.size <= 1 && messages.some(({ kind }) => kind === 'ended');
    if (!isEnd && this.#held.length === 0) {
      this.#listener.heard(messages);
      return;
    }
    this.#held.push(messages);
    if (this.#held.length > 1) return;
    const { clock } = this.#options;
    // The first turn may have begun before that was written.
    clock.soon(() => clock.soon(() => this.#passOn()));
  }

  #passOn(): void {
    for (const messages of this.#held.splice(0)) this.#listener.heard(messages);
  }

  #hearWatchdog(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    for (; at + 4 <= bytes.length; at += 4) {
      const reply = bytes.readUInt32LE(at);
      const isTaken = reply >= TAKEN_BACK;
      this.#answerRecall(isTaken ? reply - TAKEN_BACK : reply, isTaken);
    }
    this.#rest = bytes.subarray(at);
  }

  #answerRecall(slot: number, isTaken: boolean): void {
    const answer = this.#recalls.get(slot);
    this.#recalls.delete(slot);
    answer?.(isTaken);
  }

  async #exited(code: number | null, signal: NodeJS.Signals | null, closed: Promise<void>): Promise<void> {
    const { clock } = this.#options;
    const dead = new Promise<void>((resolve) => {
      escalate(leftBy(this.identity.pid), { clock, graceMs: 0, whenDead: resolve });
    });
    const late = Promise.withResolvers<void>();
    const timer = clock.after(LAST_WORDS_MS, late.resolve);
    await Promise.race([Promise.all([closed, this.#wire.closed]), late.promise]);
    timer.cancel();
    await dead;
    for (const slot of [...this.#recalls.keys()]) this.#answerRecall(slot, false);
    this.#options.watch?.destroy();
    this.#options.child.stdout?.destroy();
    this.#options.child.stderr?.destroy();
    this.#passOn();
    this.#listener.ended(this.#endOf(code, signal));
    this.#wire.close?.();
  }

  #endOf(code: number | null, signal: NodeJS.Signals | null): LaneEnd {
    const stderr = this.#tail.trim();
    const said = stderr === '' ? {} : { stderr };
    if (signal === null) {
      const why = `process.exit(${code ?? 0}) was called`;
      return { why, outcome: { kind: 'exit', code: code ?? 0, stderr: stderr === '' ? why : `${stderr}\n${why}` } };
    }
    const why = `killed by ${signal}`;
    // V8 aborts when its heap is full; there is no other sign of it than what it says.
    const isHeapFull = signal === 'SIGABRT' && /heap out of memory|Fatal JavaScript out of memory/.test(stderr);
    if (isHeapFull) return { why, outcome: { kind: 'memory', note: 'the JavaScript heap was full' } };
    if (signal === 'SIGKILL' && !this.#isForced && memoryKills.take()) {
      return { why, outcome: { kind: 'memory', note: 'the kernel ended it for memory' } };
    }
    return { why, outcome: { kind: 'signal', signal, ...said } };
  }
}
