/**
 * Who may begin something that takes its time: nobody once it is closed, and of one run only one after the
 * other. States: open -> closed. Closing waits for those who are inside.
 */
export class Entrance {
  readonly #inside: Map<string, Promise<unknown>> = new Map();
  #closed = false;

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Somebody is inside for this run: who comes now has to wait. */
  isBusy(run: string): boolean {
    return this.#inside.has(run);
  }

  /** Does the work when what came before it on the same run is over, however that went. */
  enter<Result>(run: string, work: () => Promise<Result>): Promise<Result> {
    const before = this.#inside.get(run) ?? Promise.resolve();
    const mine = before.then(work, work);
    this.#inside.set(run, mine);
    const leave = (): void => {
      if (this.#inside.get(run) === mine) this.#inside.delete(run);
    };
    mine.then(leave, leave);
    return mine;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#inside.values());
  }
}
