import type { Clock } from '../../model/index.ts';

/** What ends the wait for an answer before there is one: time, its caller, or too much of it. Happens once. */
export interface Cut {
  /** Why nobody waits any more. */
  readonly why: string | undefined;
  /** It was the caller's signal. */
  readonly aborted: boolean;
  now(why: string): void;
  /** The one thing to be done when it happens, at once when it has happened; replaces what was named before. */
  readonly whenCut: (callback: (() => void) | undefined) => void;
  /** There is an answer: no timer is left. */
  done(): void;
}

/** Begins a wait that is cut after `timeoutMs` or by the signal. */
export function cutAfter(options: {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}): Cut {
  const { clock, timeoutMs, signal } = options;
  let why: string | undefined;
  let aborted = false;
  let over = false;
  let act: (() => void) | undefined;
  const now = (reason: string): void => {
    if (why !== undefined || over) return;
    why = reason;
    act?.();
  };
  const abort = (): void => {
    aborted = why === undefined && !over;
    now('aborted');
  };
  const timer = clock.after(timeoutMs, () => now(`no answer within ${timeoutMs / 1000} s`));
  signal?.addEventListener('abort', abort, { once: true });
  return {
    get why() {
      return why;
    },
    get aborted() {
      return aborted;
    },
    now,
    whenCut: (callback) => {
      act = callback;
      if (why !== undefined) callback?.();
    },
    done: () => {
      over = true;
      timer.cancel();
      signal?.removeEventListener('abort', abort);
    },
  };
}
