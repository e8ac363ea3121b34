import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { forbidden, ROOMS } from '../../../scripts/lint/rooms.mjs';

const root = join(import.meta.dirname, '../../..');

/** What a file in engine/ may hold or not, and what lint says of it: `rule: message` a finding. */
const PROBES: readonly (readonly [title: string, text: string, ...findings: string[]])[] = [
  [
    'an import that goes up',
    `import type { X } from '../store/index.ts';\nexport type Y = X;\n`,
    'heddle(arrows): engine/ may not import store/ (it may import model)',
  ],
  [
    'a re-export that goes up',
    `export * from '../cli/index.ts';\n`,
    'heddle(arrows): engine/ may not import cli/ (it may import model)',
  ],
  [
    'a lazy import that goes up',
    `export const load = async (): Promise<unknown> => await import('../server/index.ts');\n`,
    'heddle(arrows): engine/ may not import server/ (it may import model)',
  ],
  [
    'an inner file of a room that may be imported',
    `import type { X } from '../model/store.ts';\nexport type Y = X;\n`,
    "heddle(arrows): src/model/store.ts is an inner file: import the room's index.ts",
  ],
  [
    'a file outside src',
    `import { a } from '../../test/a.ts';\nexport const b: unknown = a;\n`,
    'heddle(arrows): src/ may not import what is outside it',
  ],
  ['the face of a room below', `import type { Clock } from '../model/index.ts';\nexport type C = Clock;\n`],
  [
    'the wall clock',
    `export const a: number = Date.now();\n`,
    "eslint(no-restricted-properties): 'Date.now' is restricted from being used.",
  ],
  [
    'a bare date',
    `export const a: Date = new Date();\n`,
    'heddle(clock): Time comes in through Clock (src/model/clock.ts): convert clock.now().wall.',
  ],
  ['a converted date', `export const a: Date = new Date(0);\n`],
  [
    'chance',
    `export const a: number = Math.random();\n`,
    "eslint(no-restricted-properties): 'Math.random' is restricted from being used.",
  ],
  ['a default export', `const a = 1;\nexport default a;\n`, 'import(no-default-export): Prefer named exports'],
  [
    'the environment',
    `export const a: unknown = process.env['A'];\n`,
    'node(no-process-env): Disallowed usage of `process.env`.',
  ],
  [
    'a floating promise',
    `declare function f(): Promise<void>;\nf();\nexport {};\n`,
    'typescript(no-floating-promises): Promises must be awaited, add void operator to ignore.',
  ],
];

interface Diagnostic {
  readonly code: string;
  readonly message: string;
  readonly filename: string;
}

let copy: string;
let status: number | null;
let diagnostics: readonly Diagnostic[];

const probePath = (index: number): string => join('src/engine', `probe-${index}.ts`);

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), 'heddle-lint-'));
  for (const path of ['scripts/lint', '.oxlintrc.json', 'tsconfig.json', 'package.json']) {
    cpSync(join(root, path), join(copy, path), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  mkdirSync(join(copy, 'src/engine'), { recursive: true });
  PROBES.forEach(([, text], index) => writeFileSync(join(copy, probePath(index)), text));
  const args = [join(root, 'node_modules/oxlint/bin/oxlint'), '--type-aware', '--deny-warnings', '-f', 'json', 'src'];
  const run = spawnSync(process.execPath, args, { cwd: copy, encoding: 'utf8' });
  status = run.status;
  diagnostics = (JSON.parse(run.stdout) as { diagnostics: Diagnostic[] }).diagnostics;
});

afterAll(() => rmSync(copy, { recursive: true, force: true }));

test('lint fails when there is a finding', () => {
  expect(status).toBe(1);
});

test.each(PROBES.map(([title, , ...findings], index) => ({ title, findings, path: probePath(index) })))(
  'lint judges $title',
  ({ findings, path }) => {
    const said = diagnostics.filter(({ filename }) => filename === path);

    expect(said.map(({ code, message }) => `${code}: ${message}`)).toEqual(findings);
  },
);

test.each([
  [
    'backends/slurm/backend.ts',
    'backends/ssh/index.ts',
    'one backend never imports another: backends/slurm/ imports backends/ssh/',
  ],
  [
    'backends/slurm/backend.ts',
    'backends/index.ts',
    'backends/slurm/backend.ts may not import the face of its own room',
  ],
  [
    'backends/slurm/backend.ts',
    'backends/workdir/wrapper.ts',
    "src/backends/workdir/wrapper.ts is an inner file: import the room's index.ts",
  ],
  ['backends/slurm/backend.ts', 'backends/workdir/index.ts', undefined],
  ['backends/slurm/backend.ts', 'backends/slurm/states.ts', undefined],
  ['backends/index.ts', 'backends/slurm/index.ts', undefined],
  ['cli/main.ts', 'backends/slurm/index.ts', undefined],
  ['engine/a.ts', 'index.ts', 'engine/ may not import src/index.ts: the public face stands above every room'],
  ['engine/a.ts', 'testing/index.ts', 'engine/ may not import testing/ (it may import model)'],
  ['engine/a.test.ts', 'testing/index.ts', undefined],
  ['index.ts', 'jobs/index.ts', undefined],
  ['index.ts', 'jobs/engine.ts', "src/jobs/engine.ts is an inner file: import the room's index.ts"],
])('src/%s importing src/%s', (from, to, why) => {
  expect(forbidden(from, to)).toBe(why);
});

test('arrows only point down: no room reaches itself', () => {
  const reaches = (room: string, seen: Set<string>): Set<string> => {
    for (const next of ROOMS[room] ?? []) if (!seen.has(next)) reaches(next, seen.add(next));
    return seen;
  };

  for (const room of Object.keys(ROOMS)) expect([...reaches(room, new Set())]).not.toContain(room);
});

test('every folder of src is a room with a rule', () => {
  expect(Object.keys(ROOMS)).toEqual(expect.arrayContaining([...folders()]));
});

test('ARCHITECTURE.md tells every room there is, and the same arrows as the lint', () => {
  const page = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `([a-z]+)\/\*?` \|.*\| ([^|]*) \|$/gm)].map(([, room = '', told = '']) => ({
    room,
    told,
  }));
  const rooms = rows.map(({ room }) => room);
  const imports = rows.map(({ told }, at) => {
    if (told === 'all above') return rooms.slice(0, at);
    return told === 'nothing' ? [] : told.split(', ');
  });
  const held = rooms.map((room) => (ROOMS[room] ?? []).filter((one) => rooms.includes(one)));

  expect(rooms.toSorted()).toEqual(folders().toSorted());
  expect(imports.map((list) => list.toSorted())).toEqual(held.map((list) => list.toSorted()));
});

function folders(): readonly string[] {
  const entries = readdirSync(join(root, 'src'), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}
