import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Graph } from '../model/index.ts';
import {
  branch,
  choose,
  command,
  file,
  graphFingerprint,
  graphFromJson,
  graphFromLines,
  graphToJson,
  graphToLines,
  is,
  json,
  loop,
  map,
  noop,
  not,
  sh,
  some,
  task,
  workflow,
} from './index.ts';

const number = task('number', (x: unknown) => Number(x));
const numbers = task('numbers', (x: unknown) => [Number(x)]);
const kind = task('kind', (x: unknown): 'a' | 'b' => (x === 1 ? 'a' : 'b'));
const write = command('write', {
  run: (p: { x: unknown }) => sh`write ${p.x as number}`,
  outputs: { data: json<{ n: number }>('n.json'), log: file('log') },
  environment: { LANG: 'C' },
});

/** Draws a workflow: each number of the list decides one thing. */
function drawn(choices: readonly number[]): Graph {
  let at = 0;
  const pick = (of: number): number => (choices[at++ % choices.length] as number) % of;
  const record = (depth: number, known: readonly unknown[]): unknown => {
    const any = (): unknown => known[pick(known.length)];
    const inner = (more: readonly unknown[]): unknown => steps(depth + 1, [...known, ...more]);
    switch (pick(depth > 2 ? 4 : 9)) {
      case 0:
        return number(any());
      case 1:
        return write({ x: [any(), { $deep: any() }] }).data.n;
      case 2:
        return { of: any(), $marked: [1, { a: any() }] };
      case 3:
        return number(any()).named(`named-${at}`).after(noop());
      case 4:
        return map(numbers(any()), (item, index) => inner([item, index]), pick(2) === 0 ? { maxConcurrency: 3 } : {});
      case 5:
        return map([1, any(), { x: any() }], (item) => inner([item]), { settled: true });
      case 6:
        return branch(kind(any()), { a: () => inner([]), b: () => inner([]) });
      case 7:
        return choose(
          {
            one: [some(not(number(any())), is(number(any()), '>=', 2)), () => inner([])],
            $two: [is(kind(any()), '==', 'a'), () => inner([])],
          },
          pick(2) === 0 ? { otherwise: () => inner([]) } : ({} as never),
        );
      default:
        return loop({
          initial: { x: any(), k: 1 },
          body: (state, iteration) => ({ x: inner([state, iteration]), k: iteration }),
          until: (state) => is((state as unknown as { readonly k: number }).k, '>', 3),
          maxIterations: 5,
          atMost: 'accept',
        });
    }
  };
  const steps = (depth: number, given: readonly unknown[]): unknown => {
    const known = [...given];
    for (let step = pick(3); step >= 0; step -= 1) known.push(record(depth, known));
    return known.at(-1);
  };
  const part = workflow('part', (p: { x: number }) => steps(2, [p.x]));
  return workflow('drawn', () => [steps(0, [1, 'text']), part({ x: number(2) })]).build();
}

const anyChoices = fc.array(fc.nat(1000), { minLength: 5, maxLength: 40 });

test('a graph with control nodes is the same graph when it comes back from JSON', async () => {
  await fc.assert(
    fc.asyncProperty(anyChoices, async (choices) => {
      const graph = drawn(choices);
      const document = graphToJson(graph);
      const back = graphFromJson(JSON.parse(JSON.stringify(document)));
      const fromLines = await graphFromLines([...graphToLines(graph)]);

      expect(graphToJson(back)).toEqual(document);
      expect(graphFingerprint(back)).toBe(graphFingerprint(graph));
      expect(graphFingerprint(fromLines)).toBe(graphFingerprint(graph));
    }),
    { numRuns: 150 },
  );
});

test('a document need not say the edges that follow from its refs', () => {
  fc.assert(
    fc.property(anyChoices, (choices) => {
      const graph = drawn(choices);
      const { tasks, ...header } = graphToJson(graph);
      const short = tasks.map((node) => {
        const { after, ...rest } = { ...node, needs: undefined };
        return after === undefined || rest.name.endsWith('/gather') ? rest : { ...rest, after };
      });

      expect(graphFingerprint(graphFromJson({ ...header, tasks: short }))).toBe(graphFingerprint(graph));
    }),
    { numRuns: 100 },
  );
});

interface Editable {
  tasks: { name: string; payload: Record<string, never> }[];
}

/** A document of a map, with one thing changed. */
function changed(change: (body: never, document: Editable) => void): () => Graph {
  const graph = workflow('flow', () => {
    const start = write({ x: 1 });
    return map(numbers(1), (item) => {
      const own = write({ x: [item, start.data] });
      return number([own.data.n, start.log]);
    });
  }).build();
  const document = JSON.parse(JSON.stringify(graphToJson(graph))) as Editable;
  const scatter = document.tasks.find(({ name }) => name === 'map-1');
  change(scatter?.payload['body'] as never, document);
  return () => graphFromJson(document);
}

interface EditableBody {
  nodes: { name: string; payload: Record<string, unknown>; edges: { from: unknown; accept: number }[] }[];
  result: unknown;
}

test.each<[string, (body: EditableBody, document: Editable) => void, string]>([
  ['a hole that nothing fills', (b) => (b.result = { $hole: [0, 7] }), 'has a hole that nothing fills, [0,7]'],
  ['a hole of no body', (b) => (b.result = { $hole: [1, 'item'] }), 'nothing fills'],
  ['a state in a map', (b) => (b.result = { $hole: [0, 'state'] }), 'nothing fills'],
  [
    'an edge from an element',
    (b) => (b.nodes[0]!.edges[0]!.from = { $hole: [0, 'item'] }),
    'is a hole that a node fills',
  ],
  ['a name twice', (b) => (b.nodes[1]!.name = 'write-1'), 'no other node of the body'],
  ['a field nobody reads', (b) => ((b as unknown as { other: number }).other = 1), 'body.other is no field'],
  [
    'an output that is not declared, of a node of the body',
    (b) => (b.nodes[1]!.payload['args'] = [{ $hole: [0, 0, 'dta'] }]),
    "'number-1' of task 'map-1' takes 'dta' of 'write-1', which declares no such output",
  ],
  [
    'an output that is not declared, of a node outside',
    (b) => (b.result = { $ref: ['write-1', 'lgo'] }),
    "takes 'lgo' of 'write-1', which declares no such output",
  ],
  [
    'a gather that is none',
    (_, d) => (d.tasks.find(({ name }) => name === 'map-1')!.payload['gather'] = 'number-1' as never),
    "'map-1' is gathered by 'number-1'",
  ],
  [
    'a cap of nothing',
    (_, d) => (d.tasks.find(({ name }) => name === 'map-1')!.payload['maxConcurrency'] = 0 as never),
    'maxConcurrency is a whole number, 1 or more',
  ],
  [
    'the value of a control node',
    (b) => (b.result = { $ref: ['map-1'] }),
    "take the value of its gather, 'map-1/gather'",
  ],
])('a document with %s is refused with its place', (_, change, message) => {
  let told = '';
  try {
    changed(change as never)();
  } catch (thrown) {
    const { message: text, hint } = thrown as { readonly message: string; readonly hint: string };
    told = `${text}; ${hint}`;
  }
  expect(told).toContain(message);
});

test('the nearest name is given for an output that is not declared', () => {
  expect(changed((b: EditableBody) => (b.result = { $ref: ['write-1', 'dta'] }) as never)).toThrow(
    expect.objectContaining({ code: 'GRAPH_INVALID', hint: "did you mean 'data'?" }),
  );
});

test('a hole outside of any body is refused', () => {
  const { tasks, ...header } = graphToJson(workflow('flow', () => number(1)).build());
  const document = {
    ...header,
    tasks: [{ ...tasks[0], payload: { ...(tasks[0]?.payload as object), args: [{ $hole: [0, 'item'] }] } }],
  };

  expect(() => graphFromJson(document)).toThrow('nothing fills');
});

test('the order of the nodes of a body, and how they are treated, are no part of what a graph is', () => {
  const flow = (cpus: number, turned: boolean): string => {
    const counted = command('counted', { run: (p: { x: unknown }) => sh`c ${p.x as number}`, resources: { cpus } });
    return graphFingerprint(
      workflow('flow', () =>
        map(numbers(1), (item) => {
          const calls = [() => number(item).named('n'), () => counted({ x: item }).named('c')];
          const made = (turned ? calls.toReversed() : calls).map((call) => call());
          return turned ? made.toReversed() : made;
        }),
      ).build(),
    );
  };

  expect(flow(1, false)).toBe(flow(4, true));
});
