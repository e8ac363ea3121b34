import { expect, test } from 'vitest';
import { type Graph } from '../model/index.ts';
import {
  graph as direct,
  graphFromJson,
  type GraphFormat,
  is,
  loop,
  map,
  noop,
  renderGraph,
  when,
  workflow,
} from './index.ts';

const diamond: Graph = direct('a "diamond"', (g) => {
  g.add('top', { definition: noop.definition });
  g.add('left <&>', { definition: noop.definition, edges: ['top'] });
  g.add('right', { definition: noop.definition, edges: [{ from: 'top', accept: 7 }] });
  g.add('bottom', { definition: noop.definition, edges: ['left <&>', 'right'] });
});

const rendered = (format: GraphFormat, graph = diamond): string => [...renderGraph(graph, format)].join('');

test('as text: every task after those it needs', () => {
  expect(rendered('text')).toMatchInlineSnapshot(`
    "a "diamond": 4 tasks, 4 edges
      top
      left <&> <- top
      right <- (top)
      bottom <- left <&>, right
    "
  `);
});

test('as DOT', () => {
  expect(rendered('dot')).toMatchInlineSnapshot(`
    "digraph "a \\"diamond\\"" {
      node [shape=box];
      "top";
      "left <&>";
      "right";
      "bottom";
      "top" -> "left <&>";
      "top" -> "right" [style=dashed];
      "left <&>" -> "bottom";
      "right" -> "bottom";
    }
    "
  `);
});

test('as Mermaid', () => {
  expect(rendered('mermaid')).toMatchInlineSnapshot(`
    "flowchart TD
      n0["top"]
      n1["left #60;#38;#62;"]
      n2["right"]
      n3["bottom"]
      n0 --> n1
      n0 -.-> n2
      n1 --> n3
      n2 --> n3
    "
  `);
});

test('as JSON it can be read again', () => {
  expect(graphFromJson(JSON.parse(rendered('json')))).toEqual(diamond);
});

test('as SVG: a box a task in rows by depth, a path an edge, names escaped', () => {
  const svg = rendered('svg');
  const boxes = [...svg.matchAll(/<rect x="([\d.]+)" y="(\d+)" width="(\d+)"/g)].map(([, x, y, width]) => ({
    x: Number(x),
    y: Number(y),
    width: Number(width),
  }));

  expect(svg.match(/<path/g)).toHaveLength(4);
  expect(svg.match(/class="order"/g)).toHaveLength(1);
  expect(boxes.map(({ y }) => y)).toEqual([16, 80, 80, 144]);
  const [, left, right] = boxes as [unknown, { x: number; width: number }, { x: number }];
  expect(left.x + left.width).toBeLessThan(right.x);
  expect(svg).toContain('left &#60;&#38;&#62;');
  expect(svg).not.toContain('left <');
});

test('draws an empty graph, and refuses one nobody could look at', () => {
  const large = direct('large', (g) => {
    for (let i = 0; i < 5001; i += 1) g.add(`t${i}`, { definition: noop.definition, edges: i === 0 ? [] : [i - 1] });
  });

  expect(
    rendered(
      'svg',
      direct('empty', () => undefined),
    ),
  ).toContain('</svg>');
  for (const format of ['svg', 'mermaid'] as const) {
    expect(() => rendered(format, large)).toThrow(
      expect.objectContaining({
        code: 'INPUT_INVALID',
        message: expect.stringContaining('5001 tasks'),
        hint: expect.stringContaining('dot'),
      }),
    );
  }
  expect(rendered('dot', large)).toContain('"t4999" -> "t5000"');
  expect(rendered('text', large).split('\n')).toHaveLength(5003);
});

test('control nodes say what they become', () => {
  const flow = workflow('flow', () =>
    map([1, 2], (x) =>
      when(
        is(x, '>', 1),
        () => loop({ initial: x, body: (state) => state, until: (state) => is(state, '<', 1), maxIterations: 2 }),
        () => noop().named('small') && x,
      ),
    ),
  ).build();

  expect(rendered('text', flow)).toMatchInlineSnapshot(`
    "flow: 2 tasks, 1 edge
      map-1 {each: branch-1 {then: loop-1 {each turn: nothing}; otherwise: small}}
      map-1/gather <- map-1
    "
  `);
  expect(rendered('dot', flow)).toContain('"map-1" [shape=hexagon, tooltip="each: branch-1 {');
  expect(rendered('mermaid', flow)).toContain('n0{{"map-1"}}');
  expect(rendered('svg', flow)).toContain('<g class="control"><title>map-1 {each: branch-1 {');
});
