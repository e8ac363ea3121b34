import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { giveBack, ownFolder } from '../../own-folder.ts';

const SOURCES = new URL('../../../src/index.ts', import.meta.url).href;
/** Says what a thread and a process see of a hook that the program was started with. */
const PROGRAM = `
  import { Engine, ProcessJob, ThreadJob } from ${JSON.stringify(SOURCES)};
  await using engine = await Engine.open({ slots: 1 });
  const see = () => [globalThis.isHooked, process.env.NODE_OPTIONS ?? 'none'].join(' ');
  const jobs = [new ThreadJob(see), new ProcessJob(see)];
  for (const job of jobs) engine.submit(job);
  console.log(await Promise.all(jobs.map((job) => job.result())));
`;
const SEEN = "[ 'true none', 'true none' ]\n";

let folder = '';
let hook: readonly string[] = [];
beforeEach(() => {
  folder = ownFolder('flags');
  writeFileSync(join(folder, 'hook.mjs'), 'globalThis.isHooked = true;');
  writeFileSync(join(folder, 'program.mjs'), PROGRAM);
  hook = ['--import', join(folder, 'hook.mjs')];
});
afterEach(() => giveBack(folder));

async function run(args: readonly string[], NODE_OPTIONS = ''): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [...args], {
    cwd: folder,
    env: { ...process.env, NODE_OPTIONS },
  });
  return stdout;
}

test('lanes load what the program is started with, though not its debugger', async () => {
  expect(await run([...hook, '--inspect=0', '--title', 'mine', 'program.mjs'])).toBe(SEEN);
});

test('so do those of a program that is a text', async () => {
  expect(await run([...hook, '--input-type=module', '-e', PROGRAM])).toBe(SEEN);
});

test('so do those of a program that has it from NODE_OPTIONS, which calls do not see', async () => {
  expect(await run(['program.mjs'], hook.join(' '))).toBe(SEEN);
});
