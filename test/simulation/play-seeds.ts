import { drawScenario, simulate, turnOfTheLoop, type Violation } from '../../src/simulation/index.ts';

/** Simulated worlds in all: in CI the full budget, elsewhere what one waits for gladly. */
const RUNS: number = Number(process.env['HEDDLE_SIM_RUNS'] ?? (process.env['CI'] === undefined ? 3000 : 20_000));

/** How many files share them, each in a process of its own. */
const SHARES = 2;

export interface Broken extends Violation {
  readonly again: string;
}

/** Plays one share of the seeds from 1 on, and stops at the first broken promise. */
export async function playShare(
  share: number,
): Promise<{ readonly played: number; readonly broken: Broken | undefined }> {
  let played = 0;
  for (let seed = 1 + share; seed <= RUNS; seed += SHARES) {
    const { violation } = await simulate(drawScenario(seed));
    await turnOfTheLoop();
    played += 1;
    if (violation !== undefined)
      return { played, broken: { ...violation, again: `node bench/soak.ts --seed ${seed}` } };
  }
  return { played, broken: undefined };
}

export const SHARE_SIZE: number = Math.floor(RUNS / SHARES);
