import {
  branch,
  choose,
  command,
  every,
  file,
  type Graph,
  input,
  is,
  json,
  loop,
  map,
  not,
  pathOf,
  type Placeholder,
  project,
  raw,
  sh,
  some,
  text,
  when,
  workflow,
  type Workflow,
  workflowFromYaml,
} from 'heddle';
import { describe, expect, test } from 'vitest';
import { graphFingerprint, graphFromJson, graphToJson } from '../../../src/workflow/index.ts';
import { analyze, inspect, pair, relax, samples, simulate, twice } from './functions.ts';

/** The same workflow in TypeScript and in YAML, with parameters for both. */
interface Twin {
  readonly what: string;
  readonly yaml: string;
  readonly typescript: Workflow<never>;
  readonly parameters?: object;
}

const twin = (what: string, yaml: string, typescript: Workflow<never>, parameters?: object): Twin => ({
  ...{ what, yaml, typescript },
  ...(parameters === undefined ? {} : { parameters }),
});

const echo = command('echo', {
  run: (p: { x: unknown }) => ['echo', '-n', p.x as number],
  outputs: { out: text('o') },
});

const TWINS: readonly Twin[] = [
  twin(
    'a command over a list of parameters, and a call of all its values',
    `
heddle: 1
name: melt
parameters:
  temperatures: { type: list, items: number, default: [0.7, 1.0] }
  steps: 1000
tasks:
  simulate:
    each: \${temperatures}
    with: { temperature: \${item} }
    run: ./md --temp \${temperature} --steps $steps --out energy.json
    outputs: { energy: { json: energy.json, publish: "runs/\${temperature}/energy.json" } }
    resources: { cpus: 4, memory: 8GiB, time: 2h }
    environment: { OMP_NUM_THREADS: 4 }
  analyze:
    call: ./functions.ts#analyze
    args: [ \${simulate.energy} ]
result: { mean: \${analyze.mean}, all: \${analyze} }
`,
    workflow('melt', ({ temperatures = [0.7, 1], steps = 1000 }: { temperatures?: number[]; steps?: number }) => {
      const run = command('simulate', {
        run: (p: { temperature: number }) => sh`./md --temp ${p.temperature} --steps ${steps} --out energy.json`,
        outputs: {
          energy: json<number>('energy.json').publish(
            (p: { temperature: number }) => `runs/${p.temperature}/energy.json`,
          ),
        },
        resources: { cpus: 4, memory: '8GiB', time: '2h' },
        environment: { OMP_NUM_THREADS: '4' },
      });
      const analyzed = analyze(temperatures.map((temperature) => run({ temperature }).energy));
      return { mean: analyzed.mean, all: analyzed };
    }),
    { temperatures: [0.5, 0.6, 0.7] },
  ),
  twin(
    "the shell's own, raw text, the project, and files",
    `
heddle: 1
name: shell
parameters:
  reads: { type: file, default: data/reads.fq }
  flags: -v -v
  prices: [1, 2]
tasks:
  count:
    run: |
      for f in $$HOME \\$x "$(date)" $?; do
        ./count \${raw:flags} \${prices} \${project}/lib $reads > counts.txt
      done
    inputs: { all.fq: $reads, index: data/index }
    outputs:
      counts: { file: counts.txt, temporary: true }
      log: { text: log.txt }
  next:
    run: sort \${count.counts} | tee $$OUT
    after: count
result: [ "$count", "\${count.log}" ]
`,
    workflow('shell', () => {
      const reads = input('data/reads.fq') as never;
      const count = command('count', {
        run: () =>
          sh`for f in $HOME \\$x "$(date)" $?; do
  ./count ${raw('-v -v')} ${[1, 2]} ${project}/lib ${reads} > counts.txt
done`,
        inputs: () => ({ 'all.fq': reads, index: input('data/index') }),
        outputs: { counts: file('counts.txt', { temporary: true }), log: text('log.txt') },
      });
      const next = command('next', { run: (p: { counts: never }) => sh`sort ${p.counts} | tee $OUT` });
      const counted = count();
      next({ counts: counted.counts as never }).after(counted);
      return [counted, counted.log];
    }),
  ),
  twin(
    'a map over what a task gives, with arguments of a program around its values',
    `
heddle: 1
name: mapped
tasks:
  samples: { call: ./functions.ts#samples, args: [5] }
  echo:
    each: \${samples}
    maxConcurrency: 2
    run: [ echo, "--id=\${item.id}", $index, 3, true ]
    outputs: { out: { text: o, publish: "out/\${item.id}.txt" } }
  settled:
    each: \${samples}
    settled: true
    name: checked
    call: ./functions.ts#pair
    args: [ { a: $index, b: "$item" } ]
result: { outs: "\${echo.out}", first: "\${echo[0].out}", settled: $settled }
`,
    workflow('mapped', () => {
      const print = command('echo', {
        run: (p: { id: Placeholder<number>; index: Placeholder<number> }) => [
          'echo',
          pathOf`--id=${p.id}`,
          p.index,
          3,
          true,
        ],
        outputs: { out: text('o').publish((p: { id: Placeholder<number> }) => pathOf`out/${p.id}.txt`) },
      });
      const all = samples(5);
      const outs = map(all, (item, index) => print({ id: item.id, index } as never).out, { maxConcurrency: 2 });
      const settled = map(all, (item, index) => pair({ a: index, b: item }), { settled: true, name: 'checked' });
      return { outs, first: outs[0] as unknown, settled };
    }),
  ),
  twin(
    'a branch by a value, a task in a branch, and what is done otherwise',
    `
heddle: 1
name: branched
tasks:
  look: { call: ./functions.ts#inspect, args: [x] }
  pick:
    branch: \${look.kind}
    cases:
      big:
        tasks:
          echo: { run: [ echo, -n, "\${look.size}" ], outputs: { out: { text: o } } }
          relaxed: { call: ./functions.ts#relax, args: [ { force: "\${look.size}" } ] }
        result: { text: "\${echo.out}", force: "\${relaxed.force}" }
      small: { result: null }
    otherwise: { call: ./functions.ts#relax, with: { force: 1 } }
result: $pick
`,
    workflow('branched', () => {
      const looked = inspect('x');
      return branch(
        looked.kind,
        {
          big: () => ({ text: echo({ x: looked.size }).out, force: relax({ force: looked.size }).force }),
          small: () => null,
        },
        { otherwise: () => relax({ force: 1 }) },
      );
    }),
  ),
  twin(
    'a test, and several tests in order',
    `
heddle: 1
name: tested
tasks:
  look: { call: ./functions.ts#inspect, args: [x] }
  maybe:
    when: { left: "\${look.size}", compare: '>', right: 3 }
    call: ./functions.ts#relax
    args: [ { force: "\${look.size}" } ]
    otherwise: { result: { force: "\${look.size}" } }
  chosen:
    choose:
      huge: { when: { all: [ "\${look.size}", { not: { left: "\${look.kind}", compare: '==', right: small } } ] }, result: 1 }
      tiny: { when: "\${look.size}", result: 2 }
    name: verdict
result: { force: "\${maybe.force}", chosen: $chosen }
`,
    workflow('tested', () => {
      const looked = inspect('x');
      const maybe = when(
        is(looked.size, '>', 3),
        () => relax({ force: looked.size }),
        () => ({ force: looked.size }),
      );
      const chosen = choose({
        huge: [every(looked.size, not(is(looked.kind, '==', 'small'))), () => 1],
        tiny: [looked.size, () => 2],
      }).named('verdict');
      return { force: maybe.force, chosen };
    }),
  ),
  twin(
    'a loop, and a workflow in TypeScript in it',
    `
heddle: 1
name: looped
parameters: { turns: { type: integer, default: 4 } }
tasks:
  relaxed:
    loop:
      from: { force: 1 }
      until: { any: [ { left: "\${state.force}", compare: '<', right: 0.1 }, { left: $iteration, compare: '>=', right: 3 } ] }
      maxIterations: $turns
      atMost: accept
    call: ./functions.ts#relax
    args: [ $state ]
  more: { call: ./functions.ts#twice, with: { state: $relaxed } }
result: \${more.force}
`,
    workflow('looped', ({ turns = 4 }: { turns?: number }) => {
      const relaxed = loop({
        initial: { force: 1 },
        body: (state) => relax(state),
        until: (state, iteration) => some(is(state.force, '<', 0.1), is(iteration, '>=', 3)),
        maxIterations: turns,
        atMost: 'accept',
      });
      return twice({ state: relaxed }).force;
    }),
    { turns: 9 },
  ),
  twin(
    'a group of tasks, as a nested workflow, once and for each',
    `
heddle: 1
name: grouped
parameters: { sizes: [1, 2] }
tasks:
  half:
    each: $sizes
    with: { size: $item }
    tasks:
      relaxed: { call: ./functions.ts#relax, args: [ { force: $size } ] }
      again: { call: ./functions.ts#relax, args: [ $relaxed ], name: "again-\${size}" }
    result: { force: "\${again.force}" }
  all: { call: ./functions.ts#analyze, args: [ "\${half.force}" ] }
result: \${half[1].force}
`,
    workflow('grouped', ({ sizes = [1, 2] }: { sizes?: number[] }) => {
      const half = workflow('half', (p: { size: number }) => ({
        force: relax(relax({ force: p.size })).named(`again-${p.size}`).force,
      }));
      const halves = sizes.map((size) => half({ size }));
      analyze(halves.map(({ force }) => force));
      return halves[1]?.force;
    }),
  ),
  twin(
    'commands in TypeScript, and order without values',
    `
heddle: 1
name: ordered
tasks:
  last: { call: ./functions.ts#analyze, args: [ [1] ], after: { first: done, both: [done, failed] } }
  first: { call: ./functions.ts#simulate, with: { temperature: 1 } }
  both: { each: [1, 2], call: ./functions.ts#simulate, with: { temperature: $item }, after: [first] }
`,
    workflow('ordered', () => {
      const first = simulate({ temperature: 1 });
      const both = [1, 2].map((temperature) => simulate({ temperature }).after(first));
      analyze([1]).after(first, ['done']).after(both, ['done', 'failed']);
    }),
  ),
];

async function fromYaml(yaml: string, parameters: object): Promise<Graph> {
  const { workflow: read } = await workflowFromYaml(yaml, { directory: import.meta.dirname, file: 'flow.yaml' });
  return read.build(parameters as Readonly<Record<string, never>>);
}

describe('the same graph from YAML and from TypeScript has the same fingerprint', () => {
  for (const { what, yaml, typescript, parameters } of TWINS) {
    test(what, async () => {
      const ours = typescript.build((parameters ?? {}) as never);

      const read = await fromYaml(yaml, parameters ?? {});

      expect(graphToJson(read)).toEqual(graphToJson(ours));
      expect(graphFingerprint(read)).toBe(graphFingerprint(ours));
      expect(graphFingerprint(graphFromJson(graphToJson(read)))).toBe(graphFingerprint(ours));
    });
  }
});

test('another parameter, another graph', async () => {
  const [{ yaml } = { yaml: '' }] = TWINS;

  const prints = await Promise.all([{}, { steps: 2 }].map(async (p) => graphFingerprint(await fromYaml(yaml, p))));

  expect(new Set(prints).size).toBe(2);
});

test('a function that is no task is called by the name of its export, and is named by the document', async () => {
  const read = await fromYaml('heddle: 1\nname: f\ntasks: { best: { call: ./functions.ts#fit, args: [3] } }', {});

  expect(graphToJson(read)).toMatchObject({
    tasks: [
      {
        name: 'best-1',
        payload: {
          call: { kind: 'module', module: new URL('functions.ts', import.meta.url).href, name: 'fit' },
          args: [3],
        },
      },
    ],
  });
});
