import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { command, Engine, file, type Graph, sh, workflow } from '../../../src/index.ts';
import { ReadLease } from '../../../src/jobs/index.ts';
import { asRunId } from '../../../src/model/index.ts';

const run = promisify(execFile);
const heddle = resolve(import.meta.dirname, '../../../bin/heddle.cjs');

const dirs: string[] = [];
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

interface End {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function cli(dir: string, ...args: readonly string[]): Promise<End> {
  try {
    return { code: 0, ...(await run(process.execPath, [heddle, ...args], { cwd: dir })) };
  } catch (error) {
    return error as End;
  }
}

const write = command('write', {
  run: () => sh`echo said; echo made > made.txt; echo scratch > scratch.txt`,
  outputs: { made: file('made.txt') },
});
const read = command('read', { run: (p: { made: unknown }) => sh`cat ${p.made as string}` });
const pair = workflow('pair', () => read({ made: write().made as never }));

/** A store with so many runs of two commands; their ids, oldest first. */
async function storeWith(count: number, graph: { readonly name: string; build(): Graph } = pair as never) {
  const dir = mkdtempSync(join(tmpdir(), 'heddle-clean-'));
  dirs.push(dir);
  const ids: string[] = [];
  await using engine = await Engine.open({ store: join(dir, '.heddle'), project: dir });
  for (let i = 0; i < count; i += 1) {
    const handle = await engine.run(graph, { id: `r-test${i}` });
    await handle.result();
    ids.push(handle.id);
  }
  return { dir, ids, store: join(dir, '.heddle') };
}

const worksOf = (store: string): readonly string[] =>
  existsSync(join(store, 'work')) ? readdirSync(join(store, 'work')) : [];

test('keeps the newest runs, and says what would go before anything does', { timeout: 60_000 }, async () => {
  const { dir, ids, store } = await storeWith(3);

  const dry = JSON.parse((await cli(dir, 'clean', '--dry-run', '--older-than', '0s', '--keep', '2', '--json')).stdout);
  expect(dry).toMatchObject({ dry: true, cleaned: [{ run: ids[0] }], kept: [] });
  expect(worksOf(store)).toHaveLength(3);
  const young = JSON.parse((await cli(dir, 'clean', '--keep', '0', '--json')).stdout);
  expect(young.cleaned).toEqual([]);

  await cli(dir, 'clean', '--older-than', '0s', '--keep', '2');
  expect(worksOf(store).toSorted()).toEqual([ids[1], ids[2]]);
  expect((await cli(dir, 'show', ids[0] as string)).code).toBe(3);
});

test('removes logs and scratch files, and leaves records and what results name', { timeout: 60_000 }, async () => {
  const { dir, ids, store } = await storeWith(1);
  const [id] = ids as [string];

  const report = JSON.parse((await cli(dir, 'clean', '--logs', '--older-than', '0s', '--keep', '0', '--json')).stdout);
  expect(report.cleaned).toMatchObject([{ run: id }]);
  expect(report.bytes).toBeGreaterThan(0);

  const left = readdirSync(join(store, 'work', id), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);
  expect(left.toSorted()).toEqual(['.cleaned', 'made.txt']);
  expect(JSON.parse((await cli(dir, 'show', id, '--json')).stdout)).toMatchObject({ status: 'done' });
  expect((await cli(dir, 'logs', `${id}/write-1`)).stderr).toContain('have been removed');
});

test('F19: retention never removes a run under a reader', { timeout: 120_000 }, async () => {
  const { dir, ids, store } = await storeWith(2);
  const [first, second] = ids as [string, string];
  const all = ['clean', '--older-than', '0s', '--keep', '0', '--json'];

  const lease = new ReadLease(store, 'reader');
  lease.take(asRunId(first));
  const beside = JSON.parse((await cli(dir, ...all)).stdout);
  expect(beside).toMatchObject({ cleaned: [{ run: second }], kept: [{ run: first, because: 'read' }] });
  expect((await cli(dir, 'logs', first)).stdout).toContain('said');
  lease[Symbol.dispose]();

  // Readers and a cleaner at once: whoever reads sees all of it, or that there is no such run.
  const whole = (await cli(dir, 'logs', first)).stdout;
  const readers = Array.from({ length: 4 }, () => cli(dir, 'logs', first));
  const cleaner = cli(dir, ...all);
  for (const { code, stdout, stderr } of await Promise.all(readers)) {
    if (code === 0) expect(stdout).toBe(whole);
    else expect([code, stderr]).toEqual([3, expect.stringContaining('run')]);
  }
  await cleaner;
  await cli(dir, ...all);
  expect(worksOf(store)).toEqual([]);
  expect((await cli(dir, 'resume', first)).code).toBe(3);
});

test('a clean that is killed at any moment is finished by the next', { timeout: 120_000 }, async () => {
  const { dir, ids, store } = await storeWith(12);
  const args = ['clean', '--older-than', '0s', '--keep', '0'];
  for (const left of [9, 5]) {
    const child = spawn(process.execPath, [heddle, ...args], { cwd: dir, stdio: 'ignore' });
    const gone = new Promise((done) => child.once('exit', done));
    while (worksOf(store).length > left && child.exitCode === null) await new Promise((done) => setTimeout(done, 1));
    child.kill('SIGKILL');
    await gone;
  }
  // What is listed is whole.
  const listed = JSON.parse((await cli(dir, 'runs', '--json')).stdout) as readonly { readonly run: string }[];
  for (const { run: id } of listed) expect((await cli(dir, 'show', id, '--json')).code).toBe(0);

  const { code } = await cli(dir, ...args);
  expect(code).toBe(0);
  expect(ids.filter((id) => worksOf(store).includes(id))).toEqual([]);
  expect(readdirSync(join(store, 'cleaning'))).toEqual([]);
  expect(JSON.parse((await cli(dir, 'runs', '--json')).stdout)).toEqual([]);
});

test('a run whose results can be reused, and a point of an experiment, are kept', { timeout: 60_000 }, async () => {
  const reused = command('reused', { run: () => sh`echo 1`, cache: true });
  const { dir, ids, store } = await storeWith(1, workflow('cached', () => reused()) as never);
  {
    await using engine = await Engine.open({ store, project: dir });
    await (await engine.run(pair as never, { id: 'r-point', experiment: 'study', point: 'p1' })).result();
  }
  const report = JSON.parse((await cli(dir, 'clean', '--older-than', '0s', '--keep', '0', '--json')).stdout);
  expect(report.cleaned).toEqual([]);
  expect(report.kept).toEqual([
    { run: 'r-point', because: 'experiment' },
    { run: ids[0], because: 'cache' },
  ]);
});

test('an engine that opens removes old logs by itself, by the rules it is given', { timeout: 60_000 }, async () => {
  const { dir, ids, store } = await storeWith(2);
  {
    await using _engine = await Engine.open({ store, project: dir, retention: { olderThan: 1, keep: 1 } });
    while (!existsSync(join(store, 'work', ids[0] as string, '.cleaned')))
      await new Promise((done) => setTimeout(done, 5));
  }
  expect((await cli(dir, 'logs', ids[0] as string)).stdout).toBe('');
  expect((await cli(dir, 'logs', ids[1] as string)).stdout).toContain('said');
});
