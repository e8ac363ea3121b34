import type { ObservedEngine, Observer } from '../../model/index.ts';

/** A monitor that can be switched on and off while the engine it looks at is open. */
export class LateMonitor implements Observer {
  readonly #monitor: Observer;
  #isOn = true;
  readonly #engines = new Map<ObservedEngine, AsyncDisposable | undefined>();

  constructor(monitor: Observer) {
    this.#monitor = monitor;
  }

  async observe(engine: ObservedEngine): Promise<AsyncDisposable> {
    this.#engines.set(engine, this.#isOn ? await this.#monitor.observe(engine) : undefined);
    return {
      [Symbol.asyncDispose]: async () => {
        const session = this.#engines.get(engine);
        this.#engines.delete(engine);
        await session?.[Symbol.asyncDispose]();
      },
    };
  }

  async switch(isOn: boolean): Promise<void> {
    if (isOn === this.#isOn) return;
    this.#isOn = isOn;
    for (const [engine, session] of [...this.#engines]) {
      this.#engines.set(engine, isOn ? await this.#monitor.observe(engine) : undefined);
      if (!isOn) await session?.[Symbol.asyncDispose]();
    }
  }
}
