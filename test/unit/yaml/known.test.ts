import { type Graph, HeddleError, type Json, workflowFromYaml } from 'heddle';
import { expect, test } from 'vitest';
import { graphToJson } from '../../../src/workflow/index.ts';

/** What is decided while the graph is built, since the values it hangs on are known. */

async function build(yaml: string, parameters: Readonly<Record<string, Json>> = {}): Promise<Graph> {
  const { workflow } = await workflowFromYaml(`heddle: 1\nname: known\n${yaml}`, { directory: import.meta.dirname });
  return workflow.build(parameters);
}

interface Shown {
  readonly result?: unknown;
  readonly definitions: readonly { readonly name: string; readonly cap?: object; readonly environment?: object }[];
  readonly tasks: readonly { readonly name: string; readonly payload?: object; readonly needs?: readonly string[] }[];
}

const shown = (graph: Graph): Shown => graphToJson(graph) as unknown as Shown;
const namesOf = (graph: Graph): readonly string[] => shown(graph).tasks.map(({ name }) => name);

const MODES = `
parameters: { mode: fast, refine: true, error: 0.5 }
tasks:
  pick:
    branch: $mode
    cases:
      fast: { call: ./functions.ts#relax, args: [ { force: 1 } ] }
      slow: { call: ./functions.ts#samples, args: [1] }
  better:
    when: { all: [ $refine, { left: $error, compare: '>', right: 0.1 } ] }
    call: ./functions.ts#relax
    args: [ $pick ]
  after-better:
    call: ./functions.ts#relax
    args: [ $better ]
  always:
    run: echo done
    after: [better]
`;

test('a branch and a test of parameters leave no trace but the tasks they choose', async () => {
  expect(namesOf(await build(MODES))).toEqual(['relax-1', 'relax-2', 'relax-3', 'always-1']);
  expect(namesOf(await build(MODES, { mode: 'slow', error: 0 }))).toEqual(['samples-1', 'always-1']);
  expect(namesOf(await build(MODES, { refine: false }))).toEqual(['relax-1', 'always-1']);
});

test('a label without a branch is refused, with the labels there are', async () => {
  await expect(build(MODES, { mode: 'quick' })).rejects.toThrow(
    "workflow.yaml:7:13: tasks.pick.branch: is 'quick', and there is no such branch",
  );
});

test('of several tests the first that is known to pass decides', async () => {
  const yaml = `
parameters: { size: 5 }
tasks:
  chosen:
    choose:
      small: { when: { left: $size, compare: '<', right: 3 }, run: echo small }
      middle: { when: { left: $size, compare: '<', right: 10 }, run: echo middle }
    otherwise: { run: echo large }
`;

  expect(namesOf(await build(yaml, { size: 1 }))).toEqual(['small-1']);
  expect(namesOf(await build(yaml))).toEqual(['middle-1']);
  expect(namesOf(await build(yaml, { size: 10 }))).toEqual(['otherwise-1']);
});

test('jobs of a list that is known are capped by one name, as those of a map are', async () => {
  const graph = await build('tasks: { md: { each: [1, 2, 3], maxConcurrency: 2, run: echo $item } }');

  expect(namesOf(graph)).toEqual(['md-1', 'md-2', 'md-3']);
  expect(shown(graph).definitions).toMatchObject([{ name: 'md', cap: { name: 'tasks.md', limit: 2 } }]);
});

test('a cap that would not be kept is refused', async () => {
  const yaml = `
tasks:
  all: { call: ./functions.ts#samples, args: [2] }
  md:
    each: [1, 2]
    maxConcurrency: 1
    tasks: { inner: { each: $all, run: "echo \${item.id}" } }
`;

  await expect(build(yaml)).rejects.toThrow(
    'workflow.yaml:7:5: tasks.md: maxConcurrency does not reach the jobs of a map',
  );
});

test('policies may be made of what is known, element by element', async () => {
  const graph = await build(`
parameters: { threads: [1, 4] }
tasks:
  md:
    each: $threads
    name: md-on-\${item}
    run: echo $item
    resources: { cpus: $item, memory: "\${item}GiB" }
    environment: { OMP_NUM_THREADS: $item }
`);

  expect(namesOf(graph)).toEqual(['md-on-1', 'md-on-4']);
  expect(shown(graph).definitions).toMatchObject([
    { resources: { cpus: 1, memoryBytes: 2 ** 30 }, environment: { OMP_NUM_THREADS: '1' } },
    { resources: { cpus: 4, memoryBytes: 2 ** 32 }, environment: { OMP_NUM_THREADS: '4' } },
  ]);
});

test('a policy that is wrong once it is known is told with its place', async () => {
  const yaml = 'parameters: { memory: 8GiB }\ntasks:\n  md: { run: x, resources: { memory: $memory } }';

  await expect(build(yaml, { memory: '8 apples' })).rejects.toSatisfy(
    (error) => HeddleError.is(error) && /^workflow\.yaml:5:7: tasks\.md: .*'8 apples'/.test(error.message),
  );
});

test('inputs are defaults that parameters of their name replace', async () => {
  const yaml = 'tasks: { md: { run: "echo ${steps}", with: { steps: 10 } } }';
  const scripts = async (parameters: Readonly<Record<string, Json>>): Promise<unknown> =>
    shown(await build(yaml, parameters)).tasks.map(({ payload }) => payload);

  expect(await scripts({})).toEqual([{ script: ['echo ', { value: 10 }] }]);
  expect(await scripts({ steps: 20 })).toEqual([{ script: ['echo ', { value: 20 }] }]);
});

test('a secret is a reference in the graph, and its value is nowhere', async () => {
  const graph = await build(
    'tasks: { up: { run: x, environment: { TOKEN: { secret: { env: UPLOAD_TOKEN } }, N: 1 } } }',
  );

  expect(shown(graph).definitions).toMatchObject([
    { environment: { TOKEN: { $secret: ['env', 'UPLOAD_TOKEN'] }, N: '1' } },
  ]);
});

test('anchors and merges say once what several tasks have in common', async () => {
  const graph = await build(`
tasks:
  first: &base
    run: echo a
    environment: { LANG: C }
  second:
    <<: *base
    run: echo b
`);

  expect(namesOf(graph)).toEqual(['first-1', 'second-1']);
  expect(shown(graph).definitions.map(({ environment }) => environment)).toEqual([{ LANG: 'C' }, { LANG: 'C' }]);
});

test('a hundred thousand jobs are built in a second or two of processor time', async () => {
  const yaml =
    'parameters: { n: { type: list } }\ntasks: { md: { each: $n, run: "echo ${item}", outputs: { o: { text: o } } } }';
  const n = Array.from({ length: 100_000 }, (_, i) => i);
  const before = process.cpuUsage();

  const graph = await build(yaml, { n });

  const { user, system } = process.cpuUsage(before);
  expect(graph.size).toBe(100_000);
  expect((user + system) / 1e6).toBeLessThan(10);
});
