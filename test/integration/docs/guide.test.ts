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

function helpOf(...command: readonly string[]): string {
  const { stdout } = spawnSync(process.execPath, [join(root, 'bin/heddle.cjs'), ...command, '--help'], {
    encoding: 'utf8',
    env: { ...process.env, HEDDLE_SOURCE: '1' },
  });
  return stdout;
}

/** Names of the commands in the list of `--help`, which has a line for each. */
function commandsOf(help: string): readonly string[] {
  const list = help.slice(help.indexOf('Commands:'));
  return [...list.matchAll(/^ {2}([a-z]+)/gm)].map(([, name = '']) => name).filter((name) => name !== 'help');
}

test('the page on running has every command, in the order of --help', () => {
  const commands = commandsOf(helpOf());
  const rows = read('docs/running.md')
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  // Commands that belong together stand on one line; each is named once.
  const told = rows.flatMap((row) => [...(row.split(' | ')[0] ?? '').matchAll(/`([a-z]+)/g)].map(([, name]) => name));

  expect(commands.length).toBeGreaterThan(10);
  expect([...new Set(told)]).toEqual(commands);
});

test('every --help fits a terminal of 80 columns, and the list has one line a command', () => {
  const all = helpOf();
  const machinery = ['exec', 'lane', 'agent'];

  const list = all.slice(all.indexOf('Commands:') + 'Commands:\n'.length, all.lastIndexOf('\n\n'));
  expect(list.split('\n').filter((line) => !/^ {2}[a-z]+.* {2}\S/.test(line))).toEqual([]);
  for (const command of commandsOf(all)) {
    const help = helpOf(command);
    expect(help.split('\n').filter((line) => line.length > 80)).toEqual([]);
    if (!machinery.includes(command)) expect(help).toMatch(/^Examples?:\n {2}heddle /m);
  }
});
