import { HeddleError } from '../model/index.ts';
import { systemClock } from '../process/index.ts';

const FIRST_MS = 20;
const LONGEST_MS = 1000;

/**
 * Asks something of an engine whose store may take nothing for a while (its disk is full, somebody else writes): then
 * nothing was taken, and it is asked again until there is room, or whoever asks has given up.
 */
export async function whenThereIsRoom<Answer>(ask: () => Promise<Answer>, hasGivenUp: () => boolean): Promise<Answer> {
  for (let delay = FIRST_MS; ; delay = Math.min(2 * delay, LONGEST_MS)) {
    try {
      return await ask();
    } catch (error) {
      if (hasGivenUp() || !isForNow(error)) throw error;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    systemClock.after(delay, resolve);
    await promise;
  }
}

function isForNow(error: unknown): boolean {
  return HeddleError.is(error) && (error.code === 'STORE_FULL' || error.code === 'STORE_BUSY');
}
