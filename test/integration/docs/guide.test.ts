import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

/** The guide as a whole: every page can be found, every command is told of. */

const root = join(import.meta.dirname, '../../..');
const pages = globSync('docs/*.md', { cwd: root }).toSorted();

const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** Links to files, without those into the web and into the page itself. */
function linksOf(path: string): readonly string[] {
  const text = read(path).replace(/^```.*?^```$/gms, '');
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link = '']) => link)
    .filter((link) => !/^(https?:|#)/.test(link));
}

test('the index names every page', () => {
  const named = new Set(linksOf('docs/README.md').map((link) => join('docs', link)));
  const missing = pages.filter((page) => page !== 'docs/README.md' && !named.has(page));

  expect(missing).toEqual([]);
});

test('the page on running has every command, in the order of --help', () => {
  const { stdout } = spawnSync(process.execPath, [join(root, 'bin/heddle.cjs'), '--help'], {
    encoding: 'utf8',
    env: { ...process.env, HEDDLE_SOURCE: '1' },
  });
  const commands = [...stdout.slice(stdout.indexOf('Commands:')).matchAll(/^ {2}([a-z]+)/gm)].map(([, name]) => name);
  const rows = read('docs/running.md')
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  // Commands that belong together stand on one line; each is named once.
  const told = rows.flatMap((row) => [...(row.split(' | ')[0] ?? '').matchAll(/`([a-z]+)/g)].map(([, name]) => name));

  expect(commands.length).toBeGreaterThan(10);
  expect([...new Set(told)]).toEqual(commands.filter((name) => name !== 'help'));
});
