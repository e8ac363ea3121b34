import type {
  AttemptOrder,
  Backend,
  BackendContext,
  BackendEvent,
  Clock,
  LaunchAnswer,
  Random,
} from '../model/index.ts';

/** How often it misbehaves, each 0 to 1. */
export interface Misbehaviour {
  /** It starts the attempt and answers `unknown`. @default 0.3 */
  readonly timesOut: number;
  /** It never passes a report on. @default 0.3 */
  readonly forgets: number;
  /** It passes a report on twice. @default 0.3 */
  readonly duplicates: number;
  /** It passes a report on late. @default 0.3 */
  readonly delays: number;
}

export interface MisbehavingOptions {
  readonly random: Random;
  readonly clock: Clock;
  readonly how?: Partial<Misbehaviour>;
}

const DEFAULT: Misbehaviour = { timesOut: 0.3, forgets: 0.3, duplicates: 0.3, delays: 0.3 };
const LONGEST_DELAY_MS = 50;

/**
 * A backend as a bad day has it: it does what the one behind it does, and tells less, more and later of it. What it
 * answers to `recover` is true, as it must be: everything else can be found out by asking.
 */
export function misbehaving(backend: Backend, options: MisbehavingOptions): Backend {
  const { random, clock } = options;
  const how = { ...DEFAULT, ...options.how };
  const chance = (share: number): boolean => random.next() < share;

  const timeOut = (answer: LaunchAnswer): LaunchAnswer =>
    chance(how.timesOut) ? { kind: 'unknown', why: 'no answer came in time' } : answer;

  const distort = (context: BackendContext): BackendContext => ({
    ...context,
    report: (event: BackendEvent): void => {
      if (chance(how.forgets)) return;
      const times = chance(how.duplicates) ? 2 : 1;
      for (let time = 0; time < times; time += 1) {
        if (chance(how.delays)) clock.after(random.next() * LONGEST_DELAY_MS, () => context.report(event));
        else context.report(event);
      }
    },
  });

  return {
    name: backend.name,
    capabilities: backend.capabilities,
    open: (context) => backend.open(distort(context)),
    launch: async (orders: readonly AttemptOrder[]) => (await backend.launch(orders)).map(timeOut),
    cancel: (attempt, graceMs) => backend.cancel(attempt, graceMs),
    recover: (queries) => backend.recover(queries),
    release: (attempts) => backend.release(attempts),
    [Symbol.asyncDispose]: () => backend[Symbol.asyncDispose](),
  };
}
