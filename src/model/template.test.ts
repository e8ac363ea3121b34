import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { CommandPayload, Payload, Template } from './task.ts';
import { checkScript, resolveWork } from './template.ts';
import type { Json, Value } from './value.ts';

const jsonValue = (value: unknown): Value => ({ codec: 'json', json: JSON.stringify(value) });

function fileNamed(name: string): { sha256: string; size: number; name: string } {
  return { sha256: `hash of ${name}`, size: name.length, name };
}

function output(type: 'file' | 'json' | 'text', name: string, value?: Json): Json {
  return {
    type,
    ...(value === undefined ? {} : { value }),
    file: fileNamed(name),
    at: `artifacts/${name}`,
  } as unknown as Json;
}

const simulated = jsonValue({
  outputs: {
    energy: output('json', 'energy.json', { mean: -1.5, blocks: [{ size: 10 }] }),
    log: output('text', 'log.txt', "it's\n"),
    frames: output('file', 'frames.xyz'),
  },
});

const values: Readonly<Record<number, Value>> = {
  0: simulated,
  1: jsonValue({ a: [10, { b: 'deep' }] }),
  2: jsonValue({ outputs: { other: output('file', 'frames.xyz') } }),
};

function resolved(payload: Payload, environment?: Readonly<Record<string, string>>): ReturnType<typeof resolveWork> {
  return resolveWork(
    {
      kind: 'call' in payload ? 'call' : 'command',
      payload: JSON.stringify(payload),
      environment,
      value: (i) => values[i],
    },
    '/project',
  );
}

function command(payload: CommandPayload): Extract<ReturnType<typeof resolveWork>, { kind: 'command' }> {
  const work = resolved(payload);
  if (work.kind !== 'command') throw new Error('not a command');
  return work;
}

const script = (...parts: Template): string => command({ script: parts }).text;
const value = (json: unknown): { readonly value: Json } => ({ value: json as Json });

test('quotes values into shell text', () => {
  expect(script('md --temp ', value(0.8), ' --tag ', value("it's"), ' ', value(true), ' ', value(null))).toBe(
    `md --temp 0.8 --tag 'it'\\''s' true 'null'`,
  );
  expect(script('cat ', value(['a b', 'c', 3]))).toBe(`cat 'a b' 'c' 3`);
  expect(script('x ', value({ k: [1, "'"] }))).toBe(`x '{"k":[1,"'\\''"]}'`);
  expect(script('echo ', value(2), '>file')).toBe(`echo '2'>file`);
  expect(script('x ', { raw: '$HOME/*' }, ' ', { raw: ['-a', 1] })).toBe('x $HOME/* -a 1');
});

test('puts in what refs lead to, at any depth', () => {
  expect(script('x ', value({ $ref: [0, 'energy', 'mean'] }))).toBe('x -1.5');
  expect(script('x ', value({ $ref: [0, 'energy', 'blocks', 0, 'size'] }))).toBe('x 10');
  expect(script('x ', value({ $ref: [0, 'log'] }))).toBe(`x 'it'\\''s\n'`);
  expect(script('x ', value({ $ref: [1, 'a', 1, 'b'] }))).toBe(`x 'deep'`);
  expect(script('x ', value({ in: [{ $ref: [1, 'a', 0] }] }))).toBe(`x '{"in":[10]}'`);
  expect(
    script(
      'x ',
      value({
        $object: [
          ['$ref', [9]],
          ['__proto__', 1],
        ],
      }),
    ),
  ).toBe(`x '{"$ref":[9],"__proto__":1}'`);
});

test('links files below inputs/, each once, and gives another name where one is taken', () => {
  const frames = { $ref: [0, 'frames'] };
  const work = command({
    script: [
      'x ',
      value(frames),
      ' ',
      value({ $ref: [2, 'other'] }),
      ' ',
      value([frames, { $file: 'data/frames.xyz' }]),
    ],
  });

  expect(work.text).toBe(`x 'inputs/frames.xyz' 'inputs/frames.xyz' 'inputs/frames.xyz' 'inputs/2/frames.xyz'`);
  expect(work.inputs).toEqual([
    { name: 'frames.xyz', at: 'artifacts/frames.xyz', sha256: 'hash of frames.xyz', size: 10 },
    { name: '2/frames.xyz', at: '/project/data/frames.xyz' },
  ]);
});

test('gives the whole of a command as its values, files as paths', () => {
  expect(script('x ', value({ $ref: [0] }))).toContain(`"frames":"inputs/frames.xyz"`);
});

test('links declared inputs under their names; any output is a file there', () => {
  const work = command({
    script: ['bwa mem inputs/ref.fa ', value({ $ref: [0, 'frames'] })],
    inputs: [
      { name: 'ref.fa', from: { $file: 'ref/genome.fa' } },
      { name: 'deep/e.json', from: { $ref: [0, 'energy'] } },
      { name: 'abs', from: { $file: '/data/x' } },
    ],
  });

  expect(work.inputs).toEqual([
    { name: 'ref.fa', at: '/project/ref/genome.fa' },
    { name: 'deep/e.json', at: 'artifacts/energy.json', sha256: 'hash of energy.json', size: 11 },
    { name: 'abs', at: '/data/x' },
    { name: 'frames.xyz', at: 'artifacts/frames.xyz', sha256: 'hash of frames.xyz', size: 10 },
  ]);
});

test.each(['../x', '/x', 'a/../b', '', 'a//b', '.'])('F44: refuses an input named %j', (name) => {
  expect(() => command({ script: ['x'], inputs: [{ name, from: { $file: 'f' } }] })).toThrow(
    expect.objectContaining({ code: 'TEMPLATE_INVALID' }),
  );
});

test('builds argv without a shell: lists become several arguments, text is joined', () => {
  const work = command({
    argv: [['prog'], ['--x=', value(1)], [value(['a b', 2])], [value([])], [value({ $ref: [0, 'frames'] })]],
    environment: { B: '2' },
  });

  expect(work.argv).toEqual(['prog', '--x=1', 'a b', '2', 'inputs/frames.xyz']);
  expect(work.text).toBe(`'prog' '--x=1' 'a b' '2' 'inputs/frames.xyz'`);
  expect(resolved({ argv: [['x']], environment: { B: '2' } }, { A: '1', B: '1' })).toMatchObject({
    environment: { A: '1', B: '2' },
  });
  expect(() => command({ argv: [['--x=', value([1])]] })).toThrow(
    expect.objectContaining({ code: 'TEMPLATE_INVALID' }),
  );
  expect(() => command({ argv: [] })).toThrow(expect.objectContaining({ code: 'TEMPLATE_INVALID' }));
});

test('says what there is when a ref leads nowhere', () => {
  const message = (ref: unknown): string => {
    try {
      return script('x ', value({ $ref: ref }));
    } catch (error) {
      return (error as Error).message;
    }
  };

  expect(message([0, 'energi'])).toBe("task number 0 has no output 'energi'; there is 'energy', 'log', 'frames'");
  expect(message([0, 'energy', 'max'])).toBe(
    "output 'energy' of task number 0 has no 'max'; there is 'mean', 'blocks'",
  );
  expect(message([1, 'a', 5])).toBe("task number 1.a has no '5'; there is '0', '1'");
  expect(message([1, 'a', 0, 'x'])).toContain('is 10, and has no');
  expect(message([0, 'frames', 'x'])).toContain('is a file, and has no parts');
  expect(message([7])).toContain('task number 7');
  expect(message([1, 'constructor'])).toContain("has no 'constructor'");
});

test('refuses values where the shell would read them differently', () => {
  expect(() => script('echo "', value('$(rm -rf /)'), '"')).toThrow(
    expect.objectContaining({ code: 'TEMPLATE_INVALID', message: expect.stringContaining('double quotes') }),
  );
  expect(() => checkScript(["echo '", value('x'), "'"])).toThrow(expect.objectContaining({ code: 'TEMPLATE_INVALID' }));
  expect(() => script('x ', value('a\0'))).toThrow(expect.objectContaining({ code: 'TEMPLATE_INVALID' }));
});

test('a replay needs no files of an upstream that only waited', () => {
  const payload: Payload = { script: [':'], inputs: [{ name: 'a', from: { $ref: [5, 'a'] } }], replay: { seconds: 1 } };
  const only = (upstream: Value): unknown =>
    resolveWork({ kind: 'command', payload: JSON.stringify(payload), environment: undefined, value: () => upstream });

  expect(only(jsonValue({ outputs: {} }))).toMatchObject({ inputs: [], replay: { seconds: 1 } });
  expect(only(jsonValue({ outputs: { a: output('file', 'a') } }))).toMatchObject({
    inputs: [{ name: 'a', at: 'artifacts/a' }],
  });
  expect(() => only(jsonValue({ outputs: { b: output('file', 'b') } }))).toThrow(
    expect.objectContaining({ code: 'TEMPLATE_INVALID' }),
  );
});

test('resolves calls: refs become values, no payload is a no-op', () => {
  expect(resolved({ call: { kind: 'builtin', name: 'wait' }, args: [{ $ref: [1, 'a', 0] }] })).toEqual({
    kind: 'call',
    call: { kind: 'builtin', name: 'wait' },
    args: [10],
  });
  expect(resolveWork({ kind: 'call', payload: '', environment: undefined, value: () => undefined })).toMatchObject({
    call: { name: 'noop' },
  });
});

test('F44: whatever a value holds, the shell gets exactly it, and no prototype changes', () => {
  const key = fc.oneof(fc.constantFrom('__proto__', 'constructor', '$ref', '$file', 'prototype', 'a'), fc.string());
  const { data } = fc.letrec<{ data: Json }>((tie) => ({
    data: fc.oneof(
      { maxDepth: 4 },
      fc.string().filter((text) => !text.includes('\0')),
      fc.integer(),
      fc.array(tie('data'), { maxLength: 3 }),
      fc.array(fc.tuple(key, tie('data')), { maxLength: 4 }).map((entries) => Object.fromEntries(entries) as Json),
    ),
  }));
  /** As the builder writes it: objects with a key of ours are taken apart. */
  const escaped = (json: Json): Json => {
    if (typeof json !== 'object' || json === null) return json;
    if (Array.isArray(json)) return json.map(escaped);
    const entries = Object.entries(json).map(([k, v]) => [k, escaped(v)] as const);
    return entries.some(([k]) => k.startsWith('$')) ? { $object: entries } : (Object.fromEntries(entries) as Json);
  };
  fc.assert(
    fc.property(data, (json) => {
      const text = script("printf '%s\\0' ", value({ k: escaped(json) }));
      const { stdout } = spawnSync('sh', ['-s'], { input: text });
      expect(stdout.toString('utf8')).toBe(`${JSON.stringify({ k: json })}\0`);
      expect(Object.keys(Object.prototype)).toEqual([]);
    }),
    { numRuns: 40 },
  );
});
