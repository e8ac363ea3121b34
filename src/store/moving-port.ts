import { MainPort, type MainPortOptions, type Port, type PortCall } from './port.ts';
import { ThreadPort } from './thread-port.ts';

/** The writer moves when half of so many commits held the loop longer than that. */
const COMMITS_WATCHED = 15;
const SLOW_COMMIT_MS = 8;

export interface MovingPortOptions extends Omit<MainPortOptions, 'onCommit'> {
  /** `auto` begins on the main thread and moves where commits are slow. */
  readonly begin: 'auto' | 'main' | 'thread';
  /** Told when it has moved, and how slow commits were. */
  readonly onMoved: (medianMs: number) => void;
}

/**
 * Writes on the main thread as long as that is fast, then on one of its own. Moving loses nothing and lets nothing
 * overtake: what was called before ends first, what comes meanwhile is held and passed on in order.
 *
 * States: main, moving (calls are held), thread. It never goes back.
 */
export class MovingPort implements Port {
  readonly #options: MovingPortOptions;
  #port: Port;
  #held: (() => void)[] | undefined;
  #moving: Promise<void> = Promise.resolve();
  #commitMs: number[] = [];
  #isClosing = false;

  private constructor(options: MovingPortOptions, port: Port) {
    this.#options = options;
    this.#port = port;
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
    if (this.#options.begin !== 'auto' || this.#isClosing || this.#held !== undefined || this.place === 'thread')
      return;
    this.#commitMs.push(ms);
    if (this.#commitMs.length < COMMITS_WATCHED) return;
    const median = this.#commitMs.toSorted((a, b) => a - b)[COMMITS_WATCHED >> 1] as number;
    this.#commitMs.shift();
    if (median > SLOW_COMMIT_MS) this.#moving = this.#move(median);
  }

  async #move(medianMs: number): Promise<void> {
    this.#held = [];
    await this.#port.close();
    try {
      this.#port = await ThreadPort.open(this.#options.writer);
      this.#options.onMoved(medianMs);
    } catch {
      // No thread to be had (memory, a limit): better slow than not at all.
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
