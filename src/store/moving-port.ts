import { MainPort, type MainPortOptions, type Port, type PortCall } from './port.ts';
import { ThreadPort } from './thread-port.ts';

/** The writer moves when writing held the loop for so much of so long a time, or once for so long. */
const WATCHED_MS = 50;
const LARGEST_SHARE = 0.2;
const LONGEST_HOLD_MS = 15;
/** Nobody feels a commit that is shorter, and two hops to a thread cost more than it. */
const SHORT_HOLD_MS = 1;

export interface MovingPortOptions extends Omit<MainPortOptions, 'onCommit'> {
  /** `auto` begins on the main thread and moves where there is much to write, or where writing is slow. */
  readonly begin: 'auto' | 'main' | 'thread';
  /** Told when it has moved. */
  readonly onMoved: () => void;
}

/**
 * Writes on the main thread as long as there is little to write and the disk is fast, since a thread costs more than
 * a small run does; then on one of its own. Moving loses nothing and lets nothing overtake: the thread opens while
 * the main thread writes on; then what was called before ends first, and what comes meanwhile is held and passed on.
 *
 * States: main, opening (the main thread still writes), moving (calls are held), thread. It never goes back.
 */
export class MovingPort implements Port {
  readonly #options: MovingPortOptions;
  #port: Port;
  #held: (() => void)[] | undefined;
  #moving: Promise<void> | undefined;
  #watchedFrom: number;
  #holdMs = 0;
  #isClosing = false;

  private constructor(options: MovingPortOptions, port: Port) {
    this.#options = options;
    this.#port = port;
    this.#watchedFrom = options.clock.now().mono;
  }

  static async open(options: MovingPortOptions): Promise<MovingPort> {
    if (options.begin === 'thread') return new MovingPort(options, await ThreadPort.open(options.writer));
    const onCommit = (ms: number): void => opened.#watch(ms);
    const opened = new MovingPort(options, await MainPort.open({ ...options, onCommit }));
    return opened;
  }

  get place(): 'main' | 'thread' {
    return this.#port.place;
  }

  /** There will be much to write: it is not waited until that shows. Resolves when what is written then holds no loop. */
  expectMuch(): Promise<void> {
    if (this.#options.begin !== 'auto' || this.#isClosing || this.place === 'thread') return Promise.resolve();
    this.#moving ??= this.#move();
    return this.#moving;
  }

  carry(call: PortCall): Promise<unknown> {
    if (this.#held === undefined) return this.#port.carry(call);
    const { promise, resolve } = Promise.withResolvers<unknown>();
    this.#held.push(() => resolve(this.#port.carry(call)));
    return promise;
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#moving;
    await this.#port.close();
  }

  #watch(ms: number): void {
    if (this.#moving !== undefined) return;
    if (ms >= SHORT_HOLD_MS) this.#holdMs += ms;
    if (ms > LONGEST_HOLD_MS) return void this.expectMuch();
    const now = this.#options.clock.now().mono;
    const watchedMs = now - this.#watchedFrom;
    if (watchedMs < WATCHED_MS) return;
    if (this.#holdMs > watchedMs * LARGEST_SHARE) void this.expectMuch();
    this.#watchedFrom = now;
    this.#holdMs = 0;
  }

  async #move(): Promise<void> {
    const { writer } = this.#options;
    // In exclusive mode there is one connection at a time: the thread opens when the other has closed.
    const early = writer.connection.exclusive ? undefined : await ThreadPort.open(writer).catch(() => null);
    // No thread to be had (memory, a limit): better slow than not at all.
    if (early === null) return;
    this.#held = [];
    await this.#port.close();
    try {
      this.#port = early ?? (await ThreadPort.open(writer));
      this.#options.onMoved();
    } catch {
      this.#port = await MainPort.open({ ...this.#options, onCommit: () => undefined }).catch(brokenPort);
    }
    const held = this.#held;
    this.#held = undefined;
    for (const carry of held) carry();
  }
}

/** Stands where no connection could be had again: whatever is called fails with the reason. */
function brokenPort(error: unknown): Port {
  return { place: 'main', carry: () => Promise.reject(error), close: () => Promise.resolve() };
}
