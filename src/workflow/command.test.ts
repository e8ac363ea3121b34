import { expect, test } from 'vitest';
import { type FileValue, type Graph, type Payload, textAt } from '../model/index.ts';
import { command, file, input, json, project, raw, sh, text, workflow } from './index.ts';

interface Energy {
  readonly mean: number;
  readonly blocks: readonly { readonly size: number }[];
}

const simulate = command('simulate', {
  run: (p: { temperature: number; start?: FileValue }) => sh`md --temp ${p.temperature} --start ${p.start ?? 'none'}`,
  outputs: { energy: json<Energy>('energy.json'), frames: file('frames.xyz'), log: text('log') },
  resources: { cpus: 4, memory: '8GiB', time: '2h' },
  retry: { maxAttempts: 3 },
  timeout: '10m',
  environment: { OMP_NUM_THREADS: '4' },
});

function payload(built: Graph, i: number): Payload {
  return JSON.parse(textAt(built.payloads, i)) as Payload;
}

function edges(built: Graph, i: number): (readonly [number, number])[] {
  const found: [number, number][] = [];
  for (let e = built.edgeOffsets[i] as number; e < (built.edgeOffsets[i + 1] as number); e += 1) {
    found.push([built.edgeFrom[e] as number, built.edgeAccept[e] as number]);
  }
  return found;
}

const build = (fn: () => unknown): Graph => workflow('test', fn).build();

const thrown = (fn: () => unknown): { readonly code: string; readonly message: string; readonly hint: string } => {
  try {
    build(fn);
  } catch (error) {
    return error as { readonly code: string; readonly message: string; readonly hint: string };
  }
  throw new Error('nothing was thrown');
};

test('templates: raw text by name, the project, lists, templates in templates, files of the user', () => {
  const all = command('all', {
    run: (p: { extra: readonly (string | number)[]; reads: FileValue }) => {
      const tail = sh`tail -n ${3}`;
      return sh`${project}/bin/x ${raw('-a -b')} ${p.extra} < ${p.reads} | ${tail}`;
    },
  });

  expect(
    payload(
      build(() => all({ extra: ['a b', 1], reads: input('data/reads.fq') })),
      0,
    ),
  ).toEqual({
    script: [
      '"${project}"',
      '/bin/x ',
      { raw: '-a -b' },
      ' ',
      { value: ['a b', 1] },
      ' < ',
      { value: { $file: 'data/reads.fq' } },
      ' | ',
      'tail -n ',
      { value: 3 },
    ],
  });
});

test('argv needs no shell, and shell things are refused in it', () => {
  const argv = command('argv', {
    run: (p: { n: number; list: number[] }) => ['prog', '-n', p.n, p.list, { deep: p.n }],
  });
  const wrong = command('wrong', { run: () => ['prog', project] });

  expect(
    payload(
      build(() => argv({ n: 1, list: [2, 3] })),
      0,
    ),
  ).toEqual({
    argv: [['prog'], ['-n'], [{ value: 1 }], [{ value: [2, 3] }], [{ value: { deep: 1 } }]],
  });
  expect(thrown(() => wrong())).toMatchObject({ code: 'TEMPLATE_INVALID', hint: expect.stringContaining('sh`') });
});

test('inputs may have names of their own', () => {
  const align = command('align', {
    run: () => sh`bwa mem inputs/ref.fa`,
    inputs: (p: { reference: FileValue }) => ({ 'ref.fa': p.reference, 'reads.fq': input('reads.fq') }),
  });
  const built = build(() => align({ reference: simulate({ temperature: 1 }).frames }));

  expect(payload(built, 1)).toMatchObject({
    inputs: [
      { name: 'ref.fa', from: { $ref: [0, 'frames'] } },
      { name: 'reads.fq', from: { $file: 'reads.fq' } },
    ],
  });
  expect(edges(built, 1)).toEqual([[0, 0]]);
});

test('publishes under a path, or one made from the parameters; two jobs may not claim one', () => {
  const at = command('at', {
    run: (p: { t: number }) => sh`x ${p.t}`,
    outputs: { a: file('a').publish((p: { t: number }) => `t${p.t}/a`), b: file('b') },
  });
  const same = command('same', { run: () => sh`x`, outputs: { a: file('a', { publish: 'a' }) } });
  const outside = command('outside', { run: () => sh`x`, outputs: { a: file('a').publish('../a') } });

  expect(
    payload(
      build(() => at({ t: 2 })),
      0,
    ),
  ).toMatchObject({ outputs: [{ publish: 't2/a' }, { name: 'b' }] });
  expect(thrown(() => [same(), same()])).toMatchObject({
    code: 'GRAPH_INVALID',
    message: "'same-1' and 'same-2' both publish 'a'",
  });
  expect(thrown(() => outside()).code).toBe('INPUT_INVALID');
});

test('keys with $ are data, and so is __proto__', () => {
  const show = command('show', { run: (p: { data: unknown }) => sh`show ${p.data ?? null}` });
  const built = build(() => show({ data: JSON.parse('{"$ref":[9],"__proto__":{"polluted":1}}') }));

  expect(textAt(built.payloads, 0)).toBe(
    '{"script":["show ",{"value":{"$object":[["$ref",[9]],["__proto__",{"polluted":1}]]}}]}',
  );
  expect(edges(built, 0)).toEqual([]);
  expect(({} as { polluted?: number }).polluted).toBeUndefined();
});

test('a value inside quotes is refused where the template is written', () => {
  expect(() => sh`echo "${'x'}"`).toThrow(expect.objectContaining({ code: 'TEMPLATE_INVALID' }));
});

test.each<[string, Parameters<typeof command>[1], string, string]>([
  ['cpus 0', { run: () => sh`x`, resources: { cpus: 0 } }, 'RESOURCES_IMPOSSIBLE', "resources of 'c': cpus can't be 0"],
  ['one gpu and a half', { run: () => sh`x`, resources: { gpus: 1.5 } }, 'RESOURCES_IMPOSSIBLE', 'gpus'],
  [
    'unreadable memory',
    { run: () => sh`x`, resources: { memory: '8 apples' } },
    'INPUT_INVALID',
    "memory: can't read '8 apples'",
  ],
  ['unreadable time', { run: () => sh`x`, timeout: { run: 'soon' } }, 'INPUT_INVALID', "run: can't read 'soon'"],
  ['no attempts', { run: () => sh`x`, retry: { maxAttempts: 0 } }, 'INPUT_INVALID', 'maxAttempts'],
  ['too much jitter', { run: () => sh`x`, retry: { jitter: 2 } }, 'INPUT_INVALID', 'jitter'],
  ['a misspelt field', { run: () => sh`x`, timeuot: '1s' } as never, 'INPUT_INVALID', "no field 'timeuot'"],
  ['a misspelt resource', { run: () => sh`x`, resources: { memry: 1 } as never }, 'INPUT_INVALID', "no field 'memry'"],
  ['an output that leaves', { run: () => sh`x`, outputs: { a: file('../a') } }, 'INPUT_INVALID', "path '../a'"],
  [
    'an output named after a member',
    { run: () => sh`x`, outputs: { named: file('a') } },
    'INPUT_INVALID',
    "output 'named'",
  ],
  [
    'an output named toString',
    { run: () => sh`x`, outputs: { toString: file('a') } as never },
    'INPUT_INVALID',
    "output 'toString'",
  ],
  ["the engine's own file", { run: () => sh`x`, outputs: { a: file('exit.json') } }, 'INPUT_INVALID', "'exit.json'"],
  [
    'two outputs in one file',
    { run: () => sh`x`, outputs: { a: file('x'), b: json('x') } },
    'INPUT_INVALID',
    "output 'b'",
  ],
  ['an environment name', { run: () => sh`x`, environment: { 'A=B': '1' } }, 'INPUT_INVALID', "'A=B'"],
])('refuses %s where it is defined', (_, options, code, message) => {
  expect(() => command('c', options)).toThrow(
    expect.objectContaining({ code, message: expect.stringContaining(message) }),
  );
});
