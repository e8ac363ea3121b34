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

  /** `standing`: what still holds, which the new one alone is told at once. Returns how to stop listening. */
  add(listener: Listener, standing: readonly EngineEvent[] = []): () => void {
    this.#listeners.add(listener);
    if (standing.length > 0) this.#tellOne(listener, standing);
    return () => this.#listeners.delete(listener);
  }

  tell(events: readonly EngineEvent[]): void {
    if (events.length === 0) return;
    for (const listener of this.#listeners) this.#tellOne(listener, events);
  }

  #tellOne(listener: Listener, events: readonly EngineEvent[]): void {
    try {
      listener(events);
    } catch (thrown) {
      this.#logger.error({ error: asError(thrown) }, 'a listener threw; the engine goes on');
    }
  }
}
