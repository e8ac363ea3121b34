import type { Clock, OutputSpec, ResolvedWork } from '../model/index.ts';
import { type BackendFixture, BackendRig } from './backend-rig.ts';
import { misbehaving } from './misbehaving-backend.ts';

/**
 * What a backend must be able to do for a case to say anything of it: words of its capabilities, and two facts that its
 * fixture knows. `memory`: an attempt that takes more than it was granted is ended for it. `successor`: the fixture gives
 * another backend to the same system.
 */
export type BackendTrait = 'commands' | 'calls' | 'recoverable' | 'streams' | 'memory' | 'successor';

/** One thing every backend does. Rejects when this one does not. */
export interface BackendCase {
  readonly name: string;
  readonly needs: readonly BackendTrait[];
  run(open: () => Promise<BackendFixture>): Promise<void>;
}

type RigBody = (rig: BackendRig, fixture: BackendFixture) => Promise<void>;

/** A case of the backend as it is. */
export function bare(name: string, needs: readonly BackendTrait[], body: RigBody): BackendCase {
  return {
    name,
    needs,
    run: async (open) => {
      await using fixture = await open();
      await using rig = await BackendRig.open(fixture);
      await inTime(body(rig, fixture), fixture.clock);
    },
  };
}

/** The same backend on a bad day: it answers `unknown`, and reports late, twice or never. */
export function onABadDay(name: string, needs: readonly BackendTrait[], body: RigBody): BackendCase {
  return {
    name: `${name}, on a bad day`,
    needs,
    run: async (open) => {
      await using fixture = await open();
      const { random, clock } = fixture;
      const backend = misbehaving(fixture.backend, { random, clock });
      await using rig = await BackendRig.open({ ...fixture, backend, [Symbol.asyncDispose]: async () => undefined });
      await inTime(body(rig, fixture), fixture.clock);
    },
  };
}

type CommandWork = Extract<ResolvedWork, { readonly kind: 'command' }>;

/** Longer than many attempts take on a slow system: whoever takes longer hangs. */
const LONGEST_MS = 300_000;

async function inTime(body: Promise<void>, clock: Clock): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = clock.after(LONGEST_MS, () => reject(new Error(`it hangs: nothing came of it in ${LONGEST_MS} ms`)));
  try {
    await Promise.race([body, promise]);
  } finally {
    timer.cancel();
  }
}

/** A line for a shell. */
export function shell(text: string, outputs: readonly OutputSpec[] = []): CommandWork {
  return { kind: 'command', text, inputs: [], outputs, environment: {} };
}
