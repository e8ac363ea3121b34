import { HeddleError } from '../model/lane-face.ts';
import { currentCall } from './context.ts';

/** Does nothing at all: what a call costs beside its body. */
export function noop(): undefined {
  return undefined;
}

/**
 * Takes so many milliseconds, by the clock of whoever calls.
 *
 * @throws {HeddleError} INPUT_INVALID
 */
export function wait(ms: unknown): Promise<void> {
  const why = whyNoWait(ms);
  if (why !== undefined) throw new HeddleError('INPUT_INVALID', why);
  const context = currentCall();
  if (context === undefined) throw new HeddleError('OUTSIDE_CALL', "'wait' was called outside of a call");
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const { signal, facts } = context;
  const timer = facts.clock.after(ms as number, resolve);
  signal.addEventListener('abort', () => {
    timer.cancel();
    reject(signal.reason);
  });
  return promise;
}

/** Why this is no time to wait; undefined when it is one. */
export function whyNoWait(ms: unknown): string | undefined {
  if (typeof ms === 'number' && Number.isFinite(ms) && ms >= 0) return undefined;
  return `'wait' takes milliseconds, 0 or more: got ${JSON.stringify(ms)}`;
}
