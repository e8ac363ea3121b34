import type { Call } from './call.ts';

/** Calls that wait for a lane, first come first; taking one out of the middle costs nothing. */
export class CallQueue {
  #calls: (Call | undefined)[] = [];
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(call: Call): void {
    call.isQueued = true;
    this.#calls.push(call);
    this.#size += 1;
  }

  /** Puts calls that were taken back in front, in their order. */
  putBack(calls: readonly Call[]): void {
    for (const call of calls) call.isQueued = true;
    this.#calls.splice(0, this.#head, ...calls);
    this.#head = 0;
    this.#size += calls.length;
  }

  /** The first; undefined when nothing waits. */
  peek(): Call | undefined {
    while (this.#head < this.#calls.length) {
      const call = this.#calls[this.#head];
      if (call?.isQueued === true) return call;
      this.#head += 1;
    }
    if (this.#head > 0) this.#calls = [];
    this.#head = 0;
    return undefined;
  }

  /** Takes the first. */
  shift(): void {
    const call = this.peek();
    if (call === undefined) return;
    this.#leave(call);
    this.#calls[this.#head] = undefined;
    this.#head += 1;
    if (this.#head < 1024 || this.#head * 2 < this.#calls.length) return;
    this.#calls = this.#calls.slice(this.#head);
    this.#head = 0;
  }

  /** Takes one out, wherever it stands. */
  remove(call: Call): void {
    if (call.isQueued) this.#leave(call);
  }

  #leave(call: Call): void {
    call.isQueued = false;
    this.#size -= 1;
  }
}
