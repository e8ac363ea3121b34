import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Sandbox } from './harness.ts';

/** A graph as JSON whose first command would be seen to have run. */
interface GraphJson {
  definitions: Record<string, unknown>[];
  tasks: { name: string; definition: number; needs?: unknown[]; payload?: Record<string, unknown> }[];
}

const FLOW = `
import { command, json, noop, sh, workflow } from 'heddle';
const make = command('make', {
  run: () => sh\`echo ran >> "$project/ledger"; echo '{"v":1}' > out.json\`,
  outputs: { out: json('out.json') },
});
const use = command('use', { run: (p) => sh\`echo \${p.v}\` });
export default workflow('small', () => {
  const first = make({}).named('first');
  noop(use({ v: first.out.v }).named('second')).named('third');
});
`;

/** The small flow as JSON, changed. */
async function changedGraph(box: Sandbox, change: (graph: GraphJson) => void): Promise<string> {
  box.write('flow.js', FLOW);
  const { stdout } = await box.run(['graph', 'flow.js', '--format', 'json']);
  const graph = JSON.parse(stdout) as GraphJson;
  change(graph);
  return box.write('graph.json', JSON.stringify(graph));
}

const task = (graph: GraphJson, index: number): GraphJson['tasks'][number] =>
  graph.tasks[index] as GraphJson['tasks'][number];
const definition = (graph: GraphJson, index: number): Record<string, unknown> =>
  graph.definitions[index] as Record<string, unknown>;
const outputs = (path: string, more: object = {}) => [{ name: 'out', path, type: 'json', ...more }];

const MALFORMED: readonly (readonly [what: string, change: (graph: GraphJson) => void, says: RegExp])[] = [
  ['a cycle', (g) => void (task(g, 0).needs = ['third']), /first -> .*third|third -> .*first|second -> /],
  ['a task that needs itself', (g) => void (task(g, 2).needs = ['third']), /third -> third/],
  ['a name that is taken', (g) => void (task(g, 2).name = 'first'), /two tasks are named 'first'/],
  [
    'an unknown dependency',
    (g) => void (task(g, 2).needs = ['secnd']),
    /'third' needs 'secnd'[^]*did you mean 'second'\?/,
  ],
  ['a number where a name belongs', (g) => void (task(g, 0).name = 7 as never), /name/],
  ['a text where a number belongs', (g) => void (definition(g, 0)['graceMs'] = 'long'), /graceMs/],
  [
    'attempts that are no number',
    (g) => void (definition(g, 0)['retry'] = { maxAttempts: 'three' }),
    /maxAttempts|retry/,
  ],
  ['a definition that is not there', (g) => void (task(g, 0).definition = 9), /definition/],
  ['a kind that is none', (g) => void (definition(g, 0)['kind'] = 'spell'), /kind|spell/],
  ['a script that is none', (g) => void (task(g, 0).payload = { script: 7 }), /script/],
  ['no command at all', (g) => void (task(g, 0).payload = {}), /tasks\[0\]\.payload/],
  ['more than the machine has', (g) => void (definition(g, 0)['resources'] = { cpus: 5000 }), /5000/],
  ['CPUs that are no number', (g) => void (definition(g, 0)['resources'] = { cpus: 'many' }), /cpus/],
  ['a backend that is none', (g) => void (definition(g, 0)['backend'] = 'nowhere'), /nowhere/],
];

describe('F43: refused before anything runs, by its exit code, naming place and mend', () => {
  test.for(MALFORMED)('%s', async ([, change, says]) => {
    await using box = new Sandbox();
    await changedGraph(box, change);

    const ran = await box.run(['run', 'graph.json']);

    expect(ran.code, ran.stderr).toBe(2);
    expect(ran.stderr).toMatch(says);
    expect(ran.stderr).not.toMatch(/\n {4}at |not foreseen/);
    expect(existsSync(join(box.folder, 'ledger'))).toBe(false);
    const runs = await box.run(['runs', '--json']);
    expect(['', '[]\n']).toContain(runs.stdout);
  });
});

const HOSTILE_VALUES: readonly string[] = [
  '$(touch pwned)',
  '`touch pwned`',
  "'; touch pwned; '",
  '"; touch pwned; "',
  '\\"; touch pwned #',
  'a\nb\ttouch pwned',
  '; touch pwned',
  '&& touch pwned',
  '| touch pwned',
  '> pwned',
  '${IFS}touch${IFS}pwned',
  '* ? [a-z] ~ {a,b}',
  '--version',
  '-rf',
  "it's",
  '!!',
  '%s%n',
  '\u202egnp.exe \u0007 ∆',
];

/** Every file below a folder whose name says that something hostile had its way. */
function pwned(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => /(^|\/)pwned/.test(path));
}

describe('F44: hostile input', () => {
  test('parameters reach commands as they are, by the shell and without one', async () => {
    await using box = new Sandbox();
    box.write(
      'flow.js',
      `
import { command, sh, text, workflow } from 'heddle';
const shell = command('shell', { run: (p) => sh\`printf '%s' \${p.v} > out\`, outputs: { out: text('out') } });
const words = command('words', { run: (p) => sh\`printf '%s\\\\n' \${p.all} > out\`, outputs: { out: text('out') } });
const argv = command('argv', { run: (p) => ['/usr/bin/printf', '%s', p.v] });
const inside = command('inside', { run: (p) => sh\`printf '%s' \${p.v} > out\`, outputs: { out: text('out') } });
export default workflow('hostile', (p) => {
  p.values.forEach((v, i) => {
    const made = shell({ v }).named('shell-' + i);
    argv({ v }).named('argv-' + i);
    inside({ v: made.out }).named('inside-' + i);
  });
  words({ all: p.values }).named('words');
});
`,
    );

    const ran = await box.run(['run', 'flow.js', '-p', `values=${JSON.stringify(HOSTILE_VALUES)}`, '--json']);

    expect(ran.code, ran.stderr).toBe(0);
    const { run } = JSON.parse(ran.stdout) as { run: string };
    const work = join(box.folder, '.heddle', 'work', run, '0');
    const said = (job: string, name: string): string => {
      const directory = readdirSync(work).find((entry) => entry.startsWith(`${job}-`)) ?? '';
      return readFileSync(join(work, directory, name), 'utf8');
    };
    HOSTILE_VALUES.forEach((value, i) => {
      expect(said(`shell-${i}`, 'out')).toBe(value);
      expect(said(`argv-${i}`, 'stdout')).toBe(value);
      expect(said(`inside-${i}`, 'out')).toBe(value);
    });
    expect(said('words', 'out')).toBe(`${HOSTILE_VALUES.join('\n')}\n`);
    expect(pwned(box.folder)).toEqual([]);
  });

  const NAMES = [
    '../../../escaped',
    '/etc/escaped',
    '..',
    '.',
    '-rf',
    '$(touch pwned)',
    "'; touch pwned '",
    '* ~ %s',
    'ä/∆',
  ];

  test('names of jobs are names: nothing leaves the run, and each is found by its own', async () => {
    await using box = new Sandbox();
    mkdirSync(join(box.folder, 'inner'));
    box.write(
      'inner/flow.js',
      `
import { command, sh, workflow } from 'heddle';
const say = command('say', { run: () => sh\`printf '%s' "$HEDDLE_JOB_ID"; cd .\` });
export default workflow('names', (p) => { for (const name of p.names) say({}).named(name); });
`,
    );

    const ran = await box.run(['run', 'inner/flow.js', '-p', `names=${JSON.stringify(NAMES)}`, '--json']);

    expect(ran.code, ran.stderr).toBe(0);
    const { run } = JSON.parse(ran.stdout) as { run: string };
    for (const name of NAMES) {
      const { directory, status } = await box.json<{ directory: string; status: string }>(['show', `${run}/${name}`]);
      expect(status).toBe('done');
      expect(directory.startsWith(join(box.folder, '.heddle', 'work', run, '0'))).toBe(true);
      expect(readFileSync(join(directory, 'stdout'), 'utf8')).toBe(name);
    }
    expect(readdirSync(join(box.folder, '.heddle', 'work', run, '0'))).toHaveLength(NAMES.length);
    expect(pwned(box.folder)).toEqual([]);
    expect(readdirSync(box.folder).sort()).toEqual(['.heddle', 'inner']);
  });

  const PATHS: readonly (readonly [what: string, change: (graph: GraphJson) => void])[] = [
    ['an output above the work directory', (g) => void (payload(g)['outputs'] = outputs('../escaped'))],
    ['an absolute output', (g) => void (payload(g)['outputs'] = outputs('/tmp/escaped'))],
    ['an output where the record belongs', (g) => void (payload(g)['outputs'] = outputs('exit.json'))],
    [
      'a published path above the results',
      (g) => void (payload(g)['outputs'] = outputs('out.json', { publish: '../../escaped' })),
    ],
    [
      'an input above the work directory',
      (g) => void (payload(g)['inputs'] = [{ name: '../../escaped', from: { path: 'flow.js' } }]),
    ],
  ];
  const payload = (graph: GraphJson): Record<string, unknown> => task(graph, 0).payload as Record<string, unknown>;

  test.for(PATHS)('%s is refused, and nothing is written there', async ([, change]) => {
    await using box = new Sandbox();
    await changedGraph(box, change);

    const ran = await box.run(['run', 'graph.json']);

    expect(ran.code, ran.stderr).toBe(2);
    expect(ran.stderr).toMatch(/escaped|exit\.json/);
    expect(existsSync(join(box.folder, 'ledger'))).toBe(false);
    expect(existsSync('/tmp/escaped')).toBe(false);
    expect(
      readdirSync(box.folder, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('escaped')),
    ).toEqual([]);
  });

  test('a published path made of parameters stays below the results, or is refused', async () => {
    await using box = new Sandbox();
    box.write(
      'flow.js',
      `
import { command, sh, text, workflow } from 'heddle';
const make = command('make', {
  run: () => sh\`echo ran >> "$project/ledger"; echo x > out\`,
  outputs: { out: text('out', { publish: (p) => p.to + '/x.txt' }) },
});
export default workflow('published', (p) => void make({ to: p.to }));
`,
    );

    const refused = await box.run(['run', 'flow.js', '-p', 'to=../../..']);
    const taken = await box.run(['run', 'flow.js', '-p', 'to=a/b']);

    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("'../../../x.txt'") });
    expect(taken.code).toBe(0);
    expect(readFileSync(join(box.folder, 'results', 'a', 'b', 'x.txt'), 'utf8')).toBe('x\n');
  });

  test('JSON is data: __proto__ in parameters, graphs and outputs changes nothing', async () => {
    await using box = new Sandbox();
    box.write(
      'flow.js',
      `
import { command, json, sh, text, workflow } from 'heddle';
const make = command('make', {
  run: () => sh\`echo '{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}, "v": 2}' > out.json\`,
  outputs: { out: json('out.json') },
});
const use = command('use', { run: (p) => sh\`echo \${p.v} \${p.polluted}\`, outputs: {} });
export default workflow('polluted', (p) => {
  if ({}.polluted !== undefined || p.given.polluted !== undefined) throw new Error('the prototype was changed');
  use({ v: make({}).out.v, polluted: String({}.polluted) }).named('use');
});
`,
    );
    const given = '{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}}';

    const ran = await box.run(['run', 'flow.js', '-p', `given=${given}`, '--json']);
    expect(ran.code, ran.stderr).toBe(0);
    const { run } = JSON.parse(ran.stdout) as { run: string };
    expect((await box.run(['logs', `${run}/use`])).stdout).toBe('2 undefined\n');
    expect(await box.run(['run', 'flow.js', '-p', `given=${given}`, '-p', '__proto__.polluted=1'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("parameter '__proto__' is not used by the workflow"),
    });

    const text = (await box.run(['graph', 'flow.js', '-p', `given=${given}`, '--format', 'json'])).stdout;
    box.write('graph.json', text.replace('"name":', '"__proto__": {"polluted": 1}, "constructor": 7, "name":'));
    expect(await box.run(['run', 'graph.json', '--json'])).toMatchObject({ code: 0 });
    box.write('graph.json', text.replaceAll('"payload": {', '"payload": {"__proto__": {"argv": ["touch", "pwned"]},'));
    expect(await box.run(['run', 'graph.json', '--json'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('__proto__'),
    });
    expect(pwned(box.folder)).toEqual([]);
  });

  const FILES = ['a/escaped', '/etc/escaped', '$(touch pwned)', "'; touch pwned '", 'exit.json', '__proto__', '-rf'];

  test('ids in a trace are names, wherever they point', async () => {
    await using box = new Sandbox();
    mkdirSync(join(box.folder, 'inner'));
    const trace = (...ids: readonly [string, string]): string => {
      const tasks = [
        { name: '../a', id: ids[0], parents: [], children: [ids[1]], inputFiles: [], outputFiles: FILES },
        { name: '$(touch pwned)', id: ids[1], parents: [ids[0]], children: [], inputFiles: FILES, outputFiles: [] },
      ];
      return JSON.stringify({ name: '../x', schemaVersion: '1.5', workflow: { specification: { tasks } } });
    };
    box.write('inner/good.json', trace('$(touch pwned)', "'; touch pwned '"));
    box.write('inner/bad.json', trace('../../a', 'b'));

    const good = await box.run(['run', 'inner/good.json', '--json', '--time-scale', '0']);
    const bad = await box.run(['run', 'inner/bad.json', '--time-scale', '0']);

    expect(good.code, good.stderr).toBe(0);
    expect(JSON.parse(good.stdout)).toMatchObject({ status: 'done', counts: { done: 2 } });
    expect(bad).toMatchObject({ code: 2, stderr: expect.stringContaining("tasks[0].id: '../../a' holds a slash") });
    expect(existsSync('/etc/escaped')).toBe(false);
    // Outputs have such names, and lie where they belong.
    expect(pwned(box.folder).filter((path) => !path.startsWith('.heddle/work/'))).toEqual([]);
    expect(readdirSync(box.folder).sort()).toEqual(['.heddle', 'inner']);
  });
});
