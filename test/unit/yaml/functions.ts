import { command, json, sh, task, workflow, type Workflow } from 'heddle';
import type { CallHandle, CallTask, CommandTask, Output } from '../../../src/workflow/index.ts';

/** What the workflows of these tests call. */

export interface State {
  readonly force: number;
}

interface Look {
  readonly kind: 'big' | 'small';
  readonly size: number;
}

interface Pair {
  readonly a: number;
  readonly b: unknown;
}

export const analyze: CallTask<[energies: readonly number[]], { readonly mean: number }> = task(
  'analyze',
  (energies: readonly number[]) => ({ mean: energies.length }),
);
export const samples: CallTask<[count: number], readonly { readonly id: number }[]> = task('samples', (count: number) =>
  Array.from({ length: count }, (_, id) => ({ id })),
);
export const inspect: CallTask<[path: string], Look> = task(
  'inspect',
  (path: string): Look => ({
    kind: path === '' ? 'small' : 'big',
    size: path.length,
  }),
);
export const relax: CallTask<[state: State], State> = task(
  'relax',
  (state: State): State => ({ force: state.force / 2 }),
);
export const pair: CallTask<[pair: Pair], Pair> = task('pair', (p: Pair): Pair => p);

export const simulate: CommandTask<{ temperature: number }, { readonly energy: Output<number> }> = command('simulate', {
  run: (p: { temperature: number }) => sh`md ${p.temperature}`,
  outputs: { energy: json<number>('energy.json') },
});

type Twice = Workflow<{ state: State }> & ((p: { readonly state: unknown }) => CallHandle<State>);
export const twice: Twice = workflow('twice', (p: { state: State }) => relax(relax(p.state))) as unknown as Twice;

/** No task: a plain function. */
export function fit(x: number): number {
  return x;
}
