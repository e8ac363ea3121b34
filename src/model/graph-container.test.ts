import { expect, test } from 'vitest';
import type { ControlPayload } from './control.ts';
import { definitionOf } from './definition-input.ts';
import { withContainer } from './graph-container.ts';
import { GraphBuilder } from './graph-builder.ts';
import { textAt } from './graph.ts';

const SPEC = { image: 'tools:1' };

test('commands that say nothing are given a container, also those that come to be; others keep what they say', () => {
  const builder = new GraphBuilder('test');
  const own = definitionOf('own', 'command', { container: 'own:1' });
  const none = definitionOf('none', 'command', { container: false });
  const open = definitionOf('open', 'command', {});
  const inner: ControlPayload = {
    control: 'branch',
    on: true,
    branches: { true: { nodes: [{ name: 'x', definition: open, edges: [] }] } },
    gather: 'inner',
  };
  const outer: ControlPayload = {
    control: 'scatter',
    over: [],
    body: {
      nodes: [
        { name: 'b', definition: definitionOf('b', 'control', {}), payload: inner, edges: [] },
        { name: 'c', definition: none, edges: [] },
      ],
    },
    gather: 'outer',
  };
  for (const definition of [own, none, open, definitionOf('call', 'call', {})])
    builder.add(definition.name, { definition });
  builder.add('each', { definition: definitionOf('each', 'control', {}), payload: JSON.stringify(outer) });
  const graph = builder.build();

  const given = withContainer(graph, SPEC);

  expect(given.definitions.map(({ container }) => container)).toEqual([
    { image: 'own:1' },
    { image: '' },
    SPEC,
    undefined,
    undefined,
  ]);
  const payload = JSON.parse(textAt(given.payloads, 4)) as Extract<ControlPayload, { control: 'scatter' }>;
  const branch = payload.body.nodes[0]?.payload as Extract<ControlPayload, { control: 'branch' }>;
  expect(branch.branches['true']?.nodes[0]?.definition.container).toEqual(SPEC);
  expect(payload.body.nodes[1]?.definition.container).toEqual({ image: '' });
  expect(textAt(graph.payloads, 4)).not.toContain('tools:1');
});
