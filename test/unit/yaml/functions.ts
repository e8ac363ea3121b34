import { command, json, sh, task, workflow } from 'heddle';

/** What the workflows of these tests call. */

export interface State {
  readonly force: number;
}

export const analyze = task('analyze', (energies: readonly number[]) => ({ mean: energies.length, kind: 'big' }));
export const samples = task('samples', (count: number) => Array.from({ length: count }, (_, id) => ({ id })));
export const inspect = task('inspect', (path: string): { kind: 'big' | 'small'; size: number } => ({
  kind: path === '' ? 'small' : 'big',
  size: path.length,
}));
export const relax = task('relax', (state: State): State => ({ force: state.force / 2 }));
export const pair = task('pair', (p: { a: number; b: unknown }) => p);

export const simulate = command('simulate', {
  run: (p: { temperature: number }) => sh`md ${p.temperature}`,
  outputs: { energy: json<number>('energy.json') },
});

export const twice = workflow('twice', (p: { state: State }) => relax(relax(p.state)));

/** No task: a plain function. */
export function fit(x: number): number {
  return x;
}
