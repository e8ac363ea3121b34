import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { filePath, type FileValue } from '../../../src/index.ts';
import { Sandbox } from '../cli/harness.ts';

const FLOW = `import { readFileSync } from 'node:fs';
import { command, file, filePath, input, json, map, sh, task, workflow } from 'heddle';
const sort = command('sort', {
  run: (p) => sh\`cat \${p.names} | sort -r > sorted.txt; echo \${p.n} >> sorted.txt\`,
  outputs: { sorted: file('sorted.txt') },
});
export const read = task('read', (names) => readFileSync(filePath(names), 'utf8'));
export const pass = task('pass', async (names) => ({ names }));
export const all = task('all', (files) => files.map((each) => readFileSync(filePath(each), 'utf8')).join(''));
export const list = task('list', () => [1, 2]);
const count = command('count', {
  inputs: (p) => ({ declared: p.file }),
  run: (p) => sh\`cat \${p.file} inputs/declared | wc -l > lines.json\`,
  outputs: { lines: json('lines.json') },
});
export const both = task('both', (a, b) => [a, b]);
export const wrong = task('wrong', () => filePath('sorted.txt'));
export const grown = task('grown', (names) => filePath({ ...names, size: names.size + 1 }));
export default workflow('flow', (p) => {
  const names = input('names.txt');
  const { sorted } = sort({ names, n: 0 });
  if (p.bad) return [wrong(), grown(sorted)];
  return {
    inline: read(sorted).on('inline'),
    threads: read(sorted).on('threads'),
    processes: read(sorted).on('processes'),
    passed: read(pass(sorted).names),
    own: read(names),
    all: all(map(list(), (n) => sort({ names, n }).sorted)),
    counted: count({ file: pass(sorted).names }).lines,
    each: map(both(sorted, sort({ names: sorted, n: 0 }).sorted), (file) => count({ file }).lines),
    sorted,
  };
});`;

test('a call opens the files it is given, wherever it runs, and is told what it can not open', async () => {
  await using box = new Sandbox();
  box.write('package.json', '{ "type": "module" }');
  box.write('names.txt', 'heddle\nweft\n');
  box.write('flow.js', FLOW);

  const ended = await box.run(['run', 'flow.js', '-p', 'bad=false', '--json']);
  const { run, result } = JSON.parse(ended.stdout) as { run: string; result: { sorted: FileValue } };

  const made = 'weft\nheddle\n0\n';
  expect(result, ended.stderr).toMatchObject({
    inline: made,
    threads: made,
    processes: made,
    passed: made,
    own: 'heddle\nweft\n',
    all: 'weft\nheddle\n1\nweft\nheddle\n2\n',
    // What a call gives on is a file for commands, too.
    counted: 6,
    each: [6, 8],
  });
  // Outside of a call the store has to be named.
  expect(readFileSync(filePath(result.sorted, join(box.folder, '.heddle')), 'utf8')).toBe(made);
  expect(() => filePath(result.sorted)).toThrow('lies in a store, and nothing says where');
  const bad = await box.run(['run', 'flow.js', '-p', 'bad=true']);
  expect(bad.stderr).toContain('filePath() wants a file, not "sorted.txt"');
  expect(bad.stderr).toContain("' has 14 bytes, and had 15 when it was made");
  // What a file of the user's holds is part of what a call is.
  const graph = await box.run(['graph', run, '--format', 'json']);
  expect(graph.stdout.replaceAll(/\s/g, '')).toContain('"args":[{"$file":"names.txt"}]');
});
