import { map, task, type Workflow, workflow } from '../src/index.ts';

/** What the benchmark of a long map does: its list is made in a thread, and its elements come and go in the engine's. */

const numbers = task('numbers', (count: number) => Array.from({ length: count }, (_, i) => i));
const same = task('same', (value: number) => value, { backend: 'inline' });
const count = task('count', (values: readonly number[]) => values.length);

export const longMap: Workflow<{ readonly elements: number }> = workflow(
  'long map',
  (p: { readonly elements: number }) => count(map(numbers(p.elements), (each) => same(each))),
);
