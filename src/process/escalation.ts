import type { Clock } from '../model/index.ts';

/** Between two looks at whether something still lives. */
const LOOK_MS = 20;

/** What is to be ended: anything that can say who of it lives and can be signalled. */
export interface EndTarget {
  isAlive(): boolean;
  signal(signal: NodeJS.Signals): void;
}

export interface Escalation {
  readonly clock: Clock;
  /** From TERM to KILL. 0: KILL at once. */
  readonly graceMs: number;
  /** Called once, when nothing lives. */
  readonly whenDead: () => void;
}

/** An escalation under way. */
export interface EscalationHandle {
  /** Shortens what is left of the grace. Never lengthens it. */
  hurry(graceMs: number): void;
}

/**
 * Ends something for good: TERM, a grace, then KILL again and again until nothing of it lives (a process may fork
 * between our look and our signal). Stopped processes are continued, since they could not hear TERM.
 */
export function escalate(target: EndTarget, { clock, graceMs, whenDead }: Escalation): EscalationHandle {
  let killAt = clock.now().mono + graceMs;
  const look = (): void => {
    if (!target.isAlive()) {
      whenDead();
      return;
    }
    const left = killAt - clock.now().mono;
    if (left <= 0) target.signal('SIGKILL');
    clock.after(left > 0 ? Math.min(left, LOOK_MS) : LOOK_MS, look);
  };
  if (graceMs > 0) {
    target.signal('SIGTERM');
    target.signal('SIGCONT');
  }
  look();
  return {
    hurry: (ms) => {
      killAt = Math.min(killAt, clock.now().mono + ms);
    },
  };
}
