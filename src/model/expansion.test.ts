import { serialize } from 'node:v8';
import { expect, test } from 'vitest';
import type { ControlPayload } from './control.ts';
import { definitionOf } from './definition-input.ts';
import { expandControl } from './expansion.ts';
import type { Expanded, ReadyControl, UpstreamEnd } from './expansion-shape.ts';
import { type Graph, textAt } from './graph.ts';
import { ELEMENTS_AT_ONCE, ElementsWriter, readElements } from './instance.ts';
import { resolveWork } from './template.ts';
import { decodeValue, type Json, type Value } from './value.ts';

const CALL = definitionOf('one', 'call', { resources: { cpus: 1 } });
const COMMAND = definitionOf('print', 'command', { resources: { cpus: 1 } });

/** A scatter at 1 over the value of 0, gathered at 2; what it becomes begins at 3. */
function node(payload: ControlPayload, ends: (node: number) => UpstreamEnd | undefined): ReadyControl {
  return {
    job: payload.control === 'gather' ? 'each/gather' : 'each',
    index: payload.control === 'gather' ? 2 : 1,
    payload: JSON.stringify(payload),
    definition: definitionOf('each', 'control', {}),
    base: 3,
    upstream: ends,
    indexOf: (job) => ({ each: 1, 'each/gather': 2 })[job],
  };
}

function scatterOf(payload: Json, definition = CALL): ControlPayload {
  return {
    control: 'scatter',
    over: { $ref: [0] },
    gather: 'each/gather',
    body: { nodes: [{ name: 'one', definition, payload: payload as never, edges: [] }] },
  } as unknown as ControlPayload;
}

const done = (value: Value): UpstreamEnd => ({ status: 'done', value });
const clone = (value: unknown): Value => ({ codec: 'v8', bytes: new Uint8Array(serialize(value)) });
const json = (value: Json): Value => ({ codec: 'json', json: JSON.stringify(value) });

/** What comes of it, and what each step asked for. */
function drained(of: ReadyControl): { readonly expanded: Expanded; readonly asked: readonly number[] } {
  const asked: number[] = [0];
  const upstream: ReadyControl['upstream'] = (index) => {
    asked[asked.length - 1] = (asked.at(-1) as number) + 1;
    return of.upstream(index);
  };
  const steps = expandControl({ ...of, upstream });
  if (!('next' in steps)) return { expanded: steps, asked };
  for (;;) {
    const step = steps.next();
    if (step.done === true) return { expanded: step.value, asked };
    asked.push(0);
  }
}

function payloads({ names, payloads: texts, size }: Graph): readonly (readonly [string, string])[] {
  return Array.from({ length: size }, (_, i) => [textAt(names, i), textAt(texts, i)]);
}

const PRINT = { call: { kind: 'global', path: ['String'] }, args: [{ $hole: [0, 'item'] }] } as unknown as Json;

test('of a list that only structured clone carries each instance is given its own element, and none reads the list', () => {
  const list = Array.from({ length: 3000 }, (_, i) => ({ at: new Date(i), name: `n${i}` }));
  const { expanded, asked } = drained(node(scatterOf(PRINT), (index) => (index === 0 ? done(clone(list)) : undefined)));

  const segment = expanded.segment as Graph;
  expect(segment.size).toBe(3000);
  expect(segment.edgeFrom).toHaveLength(0);
  // The list was read once, however many elements it has.
  expect(asked.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(3);
  for (const i of [0, 1999, 2999]) {
    const work = resolveWork({
      kind: 'call',
      payload: textAt(segment.payloads, i),
      environment: undefined,
      value: () => undefined,
    });
    expect(work).toMatchObject({ args: [list[i]] });
  }
  expect(Math.max(...payloads(segment).map(([, text]) => text.length))).toBeLessThan(250);
});

test('parts of such elements are data where JSON has them: a command takes them; what it has not, no command does', () => {
  const list = [{ name: 'a b', at: new Date(0), all: new Set([1]) }, [1.5, -0]];
  const argv = (path: readonly (string | number)[]): Json => ({
    argv: [['echo'], [{ value: { $hole: [0, 'item', ...path] } }]],
  });
  const made = (path: readonly (string | number)[], item: unknown): string => {
    const scatter = node(scatterOf(argv(path), COMMAND), () => done(clone([item])));
    return textAt((drained(scatter).expanded.segment as Graph).payloads, 0);
  };
  const text = (payload: string): unknown =>
    resolveWork({ kind: 'command', payload, environment: undefined, value: () => undefined });

  expect(text(made(['name'], list[0]))).toMatchObject({ text: "'echo' 'a b'" });
  expect(text(made([0], list[1]))).toMatchObject({ text: "'echo' '1.5'" });
  expect(() => text(made(['at'], list[0]))).toThrow('more than JSON can say');
  expect(() => text(made([1], list[1]))).toThrow('more than JSON can say');
  expect(() => made(['nothing'], list[0])).toThrow("the item of 'each/0' has no 'nothing'");
});

test('a list inside such an element is mapped over as well', () => {
  const inner = { ...scatterOf(PRINT), over: { $v8: serialize([new Date(5), 7]).toString('base64') } };
  const { expanded } = drained(node(inner as unknown as ControlPayload, () => undefined));

  const [first, second] = payloads(expanded.segment as Graph).map(([, payload]) =>
    resolveWork({ kind: 'call', payload, environment: undefined, value: () => undefined }),
  );
  expect([first, second]).toMatchObject([{ args: [new Date(5)] }, { args: [7] }]);
});

test('a long list is instantiated and gathered in slices, none of which is long', () => {
  const size = 10 * ELEMENTS_AT_ONCE;
  const list = json(Array.from({ length: size }, (_, i) => i));
  const made = drained(node(scatterOf(PRINT), () => done(list)));
  const told = made.expanded.value as Value;
  expect(made.asked.length).toBeGreaterThanOrEqual(10);
  expect(made.expanded.lateEdges).toHaveLength(size);

  const ends = (index: number): UpstreamEnd => done(index === 1 ? told : json(index - 3));
  const gathered = drained(node({ control: 'gather', of: 'each' }, ends));
  expect(gathered.expanded.value).toEqual(list);
  // Of each element its end is asked for, whether its nodes failed, and its value.
  expect(Math.max(...gathered.asked)).toBeLessThanOrEqual(4 * ELEMENTS_AT_ONCE + 1);
});

test('what a scatter has told is read back, also as it was told without slices, whatever its results hold', () => {
  const elements = Array.from({ length: ELEMENTS_AT_ONCE + 2 }, (_, i): [number, Json] => [
    i * 2,
    [{ $ref: [i] }, '],"size":9}\n,\n"elements":['],
  ]);
  const writer = new ElementsWriter();
  for (const element of elements) writer.add(element);
  const written = writer.value(2) as Value & { readonly json: string };

  expect(JSON.parse(written.json)).toEqual({ elements, size: 2 });
  for (const text of [written.json, JSON.stringify({ elements, size: 2 })]) {
    const read = readElements(text);
    expect(read?.size).toBe(2);
    expect([...(read?.slices() ?? [])].flat()).toEqual(elements);
  }
  expect([...(readElements('{"elements":[],"size":1}')?.slices() ?? [])].flat()).toEqual([]);
  expect(readElements('{"result":1}')).toBeUndefined();
});

test.each([
  ['keys that look like marks', (i: number) => json({ $id: i, deep: [{ $ref: [i] }] })],
  ['what only structured clone carries', (i: number) => clone({ at: new Date(i), all: new Map([[i, 1n]]) })],
  ['results of both kinds', (i: number) => (i % 2 === 0 ? json({ $set: [i] }) : clone(new Set([i])))],
])('many results are gathered as what they are: %s', (_, resultOf) => {
  const size = 2 * ELEMENTS_AT_ONCE + 1;
  const list = json(Array.from({ length: size }, (__, i) => i));
  const told = drained(node(scatterOf(PRINT), () => done(list))).expanded.value as Value;

  const ends = (index: number): UpstreamEnd => done(index === 1 ? told : resultOf(index - 3));
  const { expanded } = drained(node({ control: 'gather', of: 'each' }, ends));

  expect(decodeValue(expanded.value as Value)).toEqual(
    Array.from({ length: size }, (__, i) => decodeValue(resultOf(i))),
  );
});
