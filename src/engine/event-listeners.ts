import { asError, type EngineEvent, type Logger } from '../model/index.ts';

type Listener = (events: readonly EngineEvent[]) => void;

/** Who is told what happens. What a listener throws is contained: the engine goes on. */
export class EventListeners {
  readonly #listeners: Set<Listener> = new Set();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Whether anybody listens: events are not made for nobody. */
  get isEmpty(): boolean {
    return this.#listeners.size === 0;
  }

  /** Returns how to stop listening. */
  add(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(events: readonly EngineEvent[]): void {
    if (events.length === 0) return;
    for (const listener of this.#listeners) {
      try {
        listener(events);
      } catch (thrown) {
        this.#logger.error({ error: asError(thrown) }, 'a listener threw; the engine goes on');
      }
    }
  }
}
