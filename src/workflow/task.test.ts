import { expect, test } from 'vitest';
import { type CallPayload, type Graph, textAt } from '../model/index.ts';
import { graphFingerprint, task, workflow } from './index.ts';

interface Fit {
  readonly slope: number;
  readonly points: readonly number[];
}

const load = task('load', (name: string) => ({ name, values: [1, 2] }));
const fit = task(
  'fit',
  async (values: readonly number[], options: { readonly degree: number }): Promise<Fit> => ({
    slope: values.length * options.degree,
    points: values,
  }),
);
const numbers = task('numbers', function* (upTo: number): Generator<number> {
  for (let i = 0; i < upTo; i += 1) yield i;
});

function payload(graph: Graph, node: number): CallPayload {
  return JSON.parse(textAt(graph.payloads, node)) as CallPayload;
}

test('a call of a task is a job that names its module and its task, and waits for the values it takes', () => {
  const graph = workflow('chain', () => fit(load('a').values, { degree: 2 }).slope).build();

  expect(graph.size).toBe(2);
  expect(payload(graph, 0)).toEqual({
    call: { kind: 'module', module: import.meta.url, name: 'load', task: true },
    args: ['a'],
  });
  expect(payload(graph, 1).args).toEqual([{ $ref: [0, 'values'] }, { degree: 2 }]);
  expect([...graph.edgeFrom]).toEqual([0]);
  expect(graph.result).toBe('{"$ref":[1,"slope"]}');
  expect(graph.definitions.map(({ name, kind }) => `${name} ${kind}`)).toEqual(['load call', 'fit call']);
});

test('handles stand at any depth, in maps too, and what JSON has no words for is carried', () => {
  const take = task('take', (_: ReadonlyMap<string, { readonly values: readonly number[] }>, since: Date) => since);
  const graph = workflow('deep', () => take(new Map([['a', load('a') as never]]), new Date(0))).build();

  const [map, since] = payload(graph, 1).args;
  expect(map).toEqual({ $map: [['a', { $ref: [0] }]] });
  expect(since).toHaveProperty('$v8');
});

test('a handle can be named, ordered and sent elsewhere, and goes on standing for the value', () => {
  const graph = workflow('steered', () => {
    const first = load('a').named('first');
    return fit(load('b').after(first).on('processes', { priority: 3 }).values, { degree: 1 }).points[0];
  }).build();

  expect(textAt(graph.names, 0)).toBe('first');
  expect(graph.definitions[graph.definitionOf[1] as number]).toMatchObject({ backend: 'processes', priority: 3 });
  expect(graph.result).toBe('{"$ref":[2,"points",0]}');
});

test('a value that is not known yet is not calculated with', () => {
  expect(() => workflow('early', () => (load('a').values as unknown as number[]).length + 1).build()).toThrow(
    /not known while the graph is built/,
  );
  expect(() => load('a')).toThrow(/workflow/);
});

test('the graph is the same whatever the policies are', () => {
  const with_ = (priority: number) => workflow('same', () => load.on('threads', { priority })('a')).build();

  expect(graphFingerprint(with_(1))).toBe(graphFingerprint(with_(2)));
});

test('types follow: arguments are checked, and results are what the functions give', () => {
  workflow('typed', () => {
    const values: { readonly values: unknown } = load('a');
    // @ts-expect-error a number is no name
    load(1);
    // @ts-expect-error what fit takes first is a list
    fit(load('a'), { degree: 1 });
    fit(numbers(3), { degree: 1 });
    // @ts-expect-error there is no such part
    void fit(numbers(3), { degree: 1 }).nothing;
    return values.values;
  }).build();
});

test('a task without a name is refused with what to write', () => {
  const nameless = (): unknown => task(((n: number) => n) as never, {} as never);
  expect(nameless).toThrow('task() was given no name');
});
