import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { asRunId } from '../../../src/model/index.ts';
import { addSample } from '../../../src/testing/store-samples.ts';
import { lastNumber } from './numbered-commits.ts';
import { scratch } from './sqlite-fixture.ts';

const entry = new URL('./store-child.ts', import.meta.url).pathname;

interface Child extends AsyncDisposable {
  readonly process: ChildProcess;
  /** Standard output, then error, when it has ended; rejects unless it ended well. */
  ended(): Promise<string>;
  said(what: string): Promise<void>;
  kill(): Promise<void>;
}

function child(...args: readonly string[]): Child {
  const started = spawn(process.execPath, [entry, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const exit = once(started, 'exit') as Promise<[number | null, string | null]>;
  const errors = text(started.stderr);
  return {
    process: started,
    ended: async () => {
      const out = await text(started.stdout);
      const [code] = await exit;
      if (code !== 0) throw new Error(`${args[0]}: exit ${code}: ${await errors}`);
      return out;
    },
    said: async (what) => {
      for await (const chunk of started.stdout) if (String(chunk).includes(what)) return;
      throw new Error(`never said ${what}: ${await errors}`);
    },
    kill: async () => {
      started.kill('SIGKILL');
      await exit;
    },
    [Symbol.asyncDispose]: async () => {
      if (started.exitCode !== null || started.signalCode !== null) return;
      started.kill('SIGKILL');
      await exit;
    },
  };
}

test('two processes write their runs to one store at once, while a third reads', async () => {
  await using place = await scratch();
  const store = await place.open();
  const runs = [await addSample(store, 'r-1'), await addSample(store, 'r-2')];
  for (const run of runs) await store.releaseRun(run, 1);

  const writers = runs.map((run) => child('write', store.directory, run, '300'));
  let writing = true;
  const ends = Promise.all(writers.map((writer) => writer.ended())).finally(() => {
    writing = false;
  });
  const seen: number[] = [];
  while (writing) {
    seen.push((await store.run(asRunId('r-1')))?.seq ?? -1);
    await store.counts(asRunId('r-2'));
    await sleep(5);
  }
  await ends;

  expect(await lastNumber(store, asRunId('r-1'))).toBe(300);
  expect(await lastNumber(store, asRunId('r-2'))).toBe(300);
  expect(seen).toEqual(seen.toSorted((a, b) => a - b));
});

test('has every commit a killed writer was told of, and none by half, twenty times over', async () => {
  await using place = await scratch();
  const ledger = join(place.path, 'ledger');
  await writeFile(ledger, '');
  const store = await place.open();
  const run = await addSample(store);
  await store.releaseRun(run, 1);

  for (let kill = 0; kill < 20; kill += 1) {
    const before = await readFile(ledger, 'utf8');
    await using writer = child('write', store.directory, run, '1000000', ledger);
    const errors = text(writer.process.stderr as NodeJS.ReadableStream);
    // Not before it writes; then at any moment.
    while ((await readFile(ledger, 'utf8')).length === before.length) {
      if (writer.process.exitCode !== null) throw new Error(await errors);
      await sleep(5);
    }
    await sleep(Math.random() * 30);
    await writer.kill();

    const told = Number((await readFile(ledger, 'utf8')).trim().split('\n').at(-1));
    const found = await lastNumber(store, run);
    expect(found).toBeGreaterThanOrEqual(told);
    expect(found).toBeLessThanOrEqual(told + 1);
  }

  expect((await store.run(run))?.epoch).toBe(21);
});

test('gives a run over when its owner is killed, and not while it is merely stopped', async () => {
  await using place = await scratch();
  const store = await place.open();
  const run = await addSample(store);
  await store.releaseRun(run, 1);
  await using holder = child('hold', store.directory, run);
  await holder.said('held');

  holder.process.kill('SIGSTOP');
  const whileStopped = await store.claimRun(run);
  const owner = await store.ownerOf(run);
  await holder.kill();
  const afterKill = await store.claimRun(run);

  expect(whileStopped).toMatchObject({ kind: 'owned', pid: holder.process.pid });
  expect(owner).toMatchObject({ alive: true, pid: holder.process.pid });
  expect(afterKill).toEqual({ kind: 'claimed', epoch: 3 });

  // The next who becomes an owner forgets it, with all it left.
  const next = await place.open();
  await addSample(next, 'r-next');
  await next[Symbol.asyncDispose]();
  const left = await readdir(join(store.directory, 'owners'));
  expect(left.filter((name) => name.startsWith(owner?.owner ?? ''))).toEqual([]);
});

test('keeps its lock when others in its own process have asked after it', async () => {
  await using place = await scratch();
  const store = await place.open();
  const run = await addSample(store);

  const sibling = await place.open({ writer: 'thread' });
  expect(await sibling.claimRun(run)).toMatchObject({ kind: 'owned' });
  await sibling[Symbol.asyncDispose]();
  await using stranger = child('claim', store.directory, run);

  expect(JSON.parse(await stranger.ended())).toMatchObject({ kind: 'owned', owner: store.owner, pid: process.pid });
});

test('closes in order while its thread still answers', async () => {
  await using place = await scratch();
  const store = await place.open();
  const run = await addSample(store);
  await store.releaseRun(run, 1);

  await using leaver = child('leave', store.directory, run);

  expect(await leaver.ended()).toBe('left\n');
  expect(await store.ownerOf(run)).toBeUndefined();
});
