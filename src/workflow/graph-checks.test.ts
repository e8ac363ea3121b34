import { expect, test } from 'vitest';
import type { Graph } from '../model/index.ts';
import { branch, command, file, is, loop, map, noop, pathOf, sh, task, when, workflow } from './index.ts';

const number = task('number', (x: unknown) => Number(x));
const numbers = task('numbers', () => [1, 2]);
const word = task('word', (): 'a' | 'b' => 'a');
const plain = command('plain', { run: () => sh`x`, outputs: { out: file('out', { publish: 'out' }) } });
const placed = command('placed', {
  run: (p: { x: number }) => sh`x ${p.x}`,
  outputs: { out: file('out').publish((p: { x: number }) => pathOf`out/${p.x}.txt`) },
});

const build = (fn: () => unknown): Graph => workflow('flow', fn).build();

test.each<[string, () => unknown, string, string]>([
  [
    'a scatter whose outputs share a name',
    () => map(numbers(), () => plain()),
    'GRAPH_INVALID',
    'a scatter whose outputs share a name',
  ],
  [
    'one that publishes by what is outside',
    () => {
      const x = number(1);
      return map(numbers(), () => placed({ x }));
    },
    'GRAPH_INVALID',
    'a scatter whose outputs share a name',
  ],
  [
    'one that publishes by the outer element only',
    () => map(numbers(), (x) => map(numbers(), () => placed({ x }))),
    'GRAPH_INVALID',
    'share a name',
  ],
  [
    'a loop whose turns publish one path',
    () => loop({ initial: 1, body: (x) => (plain(), x), until: (x) => is(x, '>', 1), maxIterations: 2 }),
    'GRAPH_INVALID',
    'share a name',
  ],
  [
    'a branch that publishes what another task does',
    () => [plain(), when(is(number(1), '>', 0), () => plain())],
    'GRAPH_INVALID',
    "both publish 'out'",
  ],
  [
    'the value of what has none',
    () => number(noop()),
    'GRAPH_INVALID',
    "'number' needs the value of 'noop', which has none",
  ],
  ['a map over what has no value', () => map(noop() as never, () => number(1)), 'GRAPH_INVALID', 'which has none'],
  [
    'what needs the value of a task and its failure',
    () => {
      const x = number(1);
      number(x).named('both').after(x, ['failed']);
    },
    'GRAPH_INVALID',
    "'both' can never run: it waits for 'number-1' to end in two ways at once",
  ],
  [
    'the same, over others',
    () => {
      const x = number(1);
      number(number(number(x)))
        .named('both')
        .after(x, ['failed', 'cancelled']);
    },
    'GRAPH_INVALID',
    "'both' can never run",
  ],
  [
    'two ends at once',
    () => {
      const x = number(1);
      noop().after(x, ['failed']).after(x, ['done']);
    },
    'GRAPH_INVALID',
    'can never run',
  ],
  [
    'a body that waits for what waits for it',
    () => {
      const late = number(1).named('late');
      const all = map(numbers(), (x) => number([x, late]));
      late.after(all);
    },
    'GRAPH_CYCLE',
    'late',
  ],
  [
    'a name that a map gives',
    () => [map(numbers(), (x) => x), number(1).named('map-1/0/x')],
    'GRAPH_DUPLICATE',
    "'map-1/0/x'",
  ],
  [
    'a handle from inside of a body',
    () => {
      let leaked: unknown;
      map(numbers(), (x) => (leaked = number(x)));
      return leaked;
    },
    'GRAPH_INVALID',
    "a handle of 'number' is used outside of the map it belongs to",
  ],
  [
    'an element outside of its map',
    () => {
      let leaked: unknown;
      map(numbers(), (x) => (leaked = x));
      return number(leaked);
    },
    'GRAPH_INVALID',
    'the item is used outside of the map it belongs to',
  ],
  [
    'an element that is compared',
    () => map(numbers(), (x) => ((x as unknown as number) > 1 ? 1 : 2)),
    'PLACEHOLDER_USED',
    'item is not known',
  ],
  [
    'a body that waits',
    () => map(numbers(), async (x) => number(x)),
    'GRAPH_INVALID',
    'the function of a map returns a promise',
  ],
  [
    'two names in a body',
    () => map(numbers(), (x) => [number(x).named('n'), number(x).named('n')]),
    'GRAPH_DUPLICATE',
    "two tasks of a map are named 'n'",
  ],
  ['a cap of nothing', () => map(numbers(), (x) => x, { maxConcurrency: 0 }), 'INPUT_INVALID', "can't be 0"],
  [
    'a misspelt option',
    () => map(numbers(), (x) => x, { maxConcurency: 1 } as never),
    'INPUT_INVALID',
    'maxConcurency',
  ],
  ['what is no list', () => map('abc' as never, (x) => x), 'INPUT_INVALID', 'map is given no list: string'],
  [
    'a loop without an end',
    () => loop({ initial: 1, body: (x) => x, until: (x) => x, maxIterations: 0 }),
    'INPUT_INVALID',
    'maxIterations',
  ],
  [
    'a test that calls a task',
    () => loop({ initial: 1, body: (x) => x, until: (x) => is(number(x), '>', 1), maxIterations: 2 }),
    'GRAPH_INVALID',
    'until of a loop calls a task',
  ],
  [
    'a choice that is known already',
    () => branch('a' as never, { a: () => 1 } as never),
    'INPUT_INVALID',
    'what is known already',
  ],
  ['a choice without branches', () => branch(word(), {} as never), 'INPUT_INVALID', 'without branches'],
  [
    'a map on a backend',
    () => map(numbers(), (x) => number(x)).on('cluster'),
    'INPUT_INVALID',
    'a map runs on no backend itself',
  ],
])('%s is refused before the start', (_, fn, code, message) => {
  expect(() => build(fn)).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }));
});

test('what only looks alike is welcome', () => {
  const graph = build(() => {
    const x = number(1);
    const cleanUp = noop().named('clean-up').after(x, ['failed']);
    number(1).after(cleanUp).after(x);
    map(numbers(), (item) => placed({ x: item }));
    map(numbers(), (_, index) => map(numbers(), (item) => placed({ x: number([index, item]) })));
    branch(word(), { a: () => plain(), b: () => plain() });
    loop({
      initial: 1,
      body: (state) => (placed({ x: state }), number(state)),
      until: (s) => is(s, '>', 1),
      maxIterations: 2,
    });
  });

  expect(graph.size).toBeGreaterThan(10);
});

test('what contributes nothing to the result is no mistake', () => {
  expect(build(() => (number(1), number(2).named('kept'))).size).toBe(2);
});
