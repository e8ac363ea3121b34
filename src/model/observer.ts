import type { AttemptProcess } from './backend.ts';
import type { Clock, Random } from './clock.ts';
import type { EngineEvent } from './event.ts';
import type { Logger } from './logger.ts';
import type { Store } from './store.ts';

/**
 * Somebody who looks on while an engine works and has no say in it: a monitor, a notifier. What it throws while it looks on is
 * its own affair; a run never ends otherwise because somebody watched.
 */
export interface Observer {
  /**
   * Called once, when the engine opens. What it gives is disposed after the engine has told its last, and before the
   * store is closed.
   */
  observe(engine: ObservedEngine): Promise<AsyncDisposable> | AsyncDisposable;
}

/** What an observer is given of an engine. */
export interface ObservedEngine {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Takes secrets out of a text that leaves this process. */
  readonly redact?: (text: string) => string;
  readonly store: Store;
  /** The store's directory, absolute; a temporary one where the store has none. */
  readonly directory: string;
  /** Hears of everything, after the commit that holds it. Gives how to stop listening. */
  listen(listener: (events: readonly EngineEvent[]) => void): () => void;
  /** Live attempts that have a process of their own, over all backends. */
  processes(): Iterable<AttemptProcess>;
}
