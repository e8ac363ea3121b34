import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';

/** Run by a program that may open 64 files: it opens them all, and looks for itself and its like. */
const PROGRAM = `
import { openSync } from 'node:fs';
import { hasVariable, listProcesses, readProcess } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)};
readProcess(process.pid);
let full = '';
while (full === '') try { openSync('/dev/null') } catch (error) { full = error.code }
const own = readProcess(process.pid)?.pid === process.pid;
const listed = listProcesses().some(({ pid }) => pid === process.pid);
console.error(JSON.stringify([full, own, listed, hasVariable(process.pid, 'MARK', 'here')]));
`;

test('processes are seen though no file can be opened any more', () => {
  const shell = 'ulimit -n 64; exec "$0" --input-type=module -e "$1" 2>&1 >/dev/null';

  const said = execFileSync('sh', ['-c', shell, process.execPath, PROGRAM], {
    encoding: 'utf8',
    env: { ...process.env, MARK: 'here', NODE_OPTIONS: '' },
  });

  expect(JSON.parse(said.trim().split('\n').at(-1) ?? '')).toEqual(['EMFILE', true, true, true]);
});
