import { readFileSync } from 'node:fs';

/** A study's own module: functions that know nothing of heddle. */

/** Bond lengths of a chain of atoms, and how often each pair of species is bonded. */
export function bonds(
  positions: Float64Array,
  species: readonly string[],
): { lengths: Float64Array; pairs: Map<string, number> } {
  const lengths = new Float64Array(positions.length - 1);
  const pairs = new Map<string, number>();
  for (let i = 0; i < lengths.length; i += 1) {
    lengths[i] = Math.abs((positions[i + 1] as number) - (positions[i] as number));
    const [one = '', other = ''] = species.slice(i);
    const pair = one < other ? `${one}-${other}` : `${other}-${one}`;
    pairs.set(pair, (pairs.get(pair) ?? 0) + 1);
  }
  return { lengths, pairs };
}

/** Halves the largest force until it is small; gives up, as solvers do. */
export async function relax(force: number, { maxSteps }: { readonly maxSteps: number }): Promise<number> {
  let steps = 0;
  for (let left = force; left > 1e-3; left /= 2) {
    steps += 1;
    await Promise.resolve();
    if (steps > maxSteps) {
      throw Object.assign(new RangeError(`no convergence in ${maxSteps} steps`), {
        code: 'E_DIVERGED',
        cause: new Error(`force is still ${left}`),
      });
    }
  }
  return steps;
}

export function whereAmI(): { readonly directory: string; readonly greeting: string | undefined } {
  console.log('hello world');
  return { directory: process.cwd(), greeting: process.env['GREETING'] };
}

interface Everything {
  readonly list?: readonly number[];
  readonly map?: ReadonlyMap<string, number>;
  readonly set?: ReadonlySet<number>;
  readonly file?: { readonly path: string };
  readonly self?: unknown;
}

/** What arrived, wherever it was. */
export function arrived(given: Everything): readonly unknown[] {
  const { list = [], map = [], set = [], file } = given;
  if (given.self === given) return ['itself'];
  return [list, ...map, [...set], file === undefined ? '' : readFileSync(file.path, 'utf8')];
}
