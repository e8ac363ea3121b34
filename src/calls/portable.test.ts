import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { DEFAULT_RETRY, type Definition, type Graph, GraphBuilder, textAt } from '../model/index.ts';
import { calledModules, portableGraph, portableReference } from './portable.ts';

const PROJECT = '/srv/a study';

function definition(kind: 'call' | 'command'): Definition {
  return {
    name: kind,
    kind,
    resources: { cpus: 1 },
    retry: DEFAULT_RETRY,
    timeouts: {},
    graceMs: 0,
    priority: 0,
  };
}

const reference = (module: string) => ({ kind: 'module', module, name: 'f', task: true }) as const;

function graphOf(modules: readonly (string | undefined)[]): Graph {
  const builder = new GraphBuilder('calls');
  for (const [i, module] of modules.entries()) {
    if (module === undefined) {
      builder.add(`command-${i}`, {
        definition: definition('command'),
        payload: { argv: [['echo', `${i}`]], inputs: [], outputs: [] } as never,
      });
    } else {
      builder.add(`call-${i}`, {
        definition: definition('call'),
        payload: { call: reference(module), args: [`ü ${i}`] },
      });
    }
  }
  return builder.build();
}

const modulesOf = (graph: Graph): readonly unknown[] =>
  Array.from({ length: graph.size }, (_, i) => {
    const payload = JSON.parse(textAt(graph.payloads, i)) as { call?: { module: string }; args?: readonly unknown[] };
    return payload.call === undefined ? 'command' : `${payload.call.module} ${String(payload.args)}`;
  });

test('modules of the project are named by their paths from it, others as they are', () => {
  const at = (path: string): string => pathToFileURL(path).href;
  const graph = graphOf([
    at(`${PROJECT}/flow.ts`),
    undefined,
    at(`${PROJECT}/lib/50% "more".ts`),
    at('/srv/other.ts'),
    'node:path',
    at(`${PROJECT}/flow.ts`),
    `${at(`${PROJECT}/flow.ts`)}?v=2`,
    at(`${PROJECT} two/flow.ts`),
  ]);

  expect(modulesOf(portableGraph(graph, PROJECT))).toEqual([
    './flow.ts ü 0',
    'command',
    './lib/50% "more".ts ü 2',
    `${at('/srv/other.ts')} ü 3`,
    'node:path ü 4',
    './flow.ts ü 5',
    `${at(`${PROJECT}/flow.ts`)}?v=2 ü 6`,
    `${at(`${PROJECT} two/flow.ts`)} ü 7`,
  ]);
});

test('the modules it calls are told, each once', () => {
  const modules = ['node:path', undefined, './a "b".ts', 'node:path', `./${'deep/'.repeat(1000)}x.ts`];

  expect(calledModules(graphOf(modules))).toEqual([modules[0], modules[2], modules[4]]);
});

test('a graph with nothing to change is given back as it is', () => {
  const commands = graphOf([undefined, undefined]);
  const elsewhere = graphOf([pathToFileURL('/other/flow.ts').href]);

  expect(portableGraph(commands, PROJECT)).toBe(commands);
  expect(portableGraph(elsewhere, PROJECT)).toBe(elsewhere);
});

test('a reference is named so too', () => {
  const portable = (module: string): string =>
    (portableReference(reference(module), PROJECT) as { module: string }).module;

  expect(portable(pathToFileURL(`${PROJECT}/lib/a b.ts`).href)).toBe('./lib/a b.ts');
  expect(portable('file:///elsewhere/a.ts')).toBe('file:///elsewhere/a.ts');
  expect(portable('some-package')).toBe('some-package');
});

test('the modules that bodies of control nodes call are named so too, at any depth', () => {
  const module = pathToFileURL(`${PROJECT}/flow.ts`).href;
  const node = {
    name: 'call-1',
    definition: definition('call'),
    edges: [],
    payload: { call: reference(module), args: [] },
  };
  const inner = { control: 'scatter', over: [1], body: { nodes: [node] }, gather: 'map-1/gather' };
  const control = { ...definition('call'), kind: 'control' } as const;
  const body = { nodes: [node, { ...node, name: 'map-1', definition: control, payload: inner }] };
  const builder = new GraphBuilder('calls');
  builder.add('branch-1', {
    definition: control,
    payload: JSON.stringify({ control: 'branch', on: 'a', branches: { a: body }, gather: 'branch-1/gather' }),
  });

  const portable = portableGraph(builder.build(), PROJECT);

  expect(textAt(portable.payloads, 0).match(/"module":"[^"]+"/g)).toEqual([
    '"module":"./flow.ts"',
    '"module":"./flow.ts"',
  ]);
  expect(calledModules(portable)).toEqual(['./flow.ts']);
});
