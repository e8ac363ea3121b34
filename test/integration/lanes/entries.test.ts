import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isAlive, readProcess } from '../../../src/process/index.ts';
import { giveBack, ownFolder } from '../../own-folder.ts';
import { RawLane } from './raw-lane.ts';

let folder = '';
beforeEach(() => {
  folder = ownFolder('entries');
});
afterEach(() => giveBack(folder));

/** Resolves when a file is there, with what it says. */
async function written(path: string): Promise<string> {
  for (;;) {
    if (existsSync(path) && readFileSync(path, 'utf8') !== '') return readFileSync(path, 'utf8');
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
}

/** Starts a process that would live on, writes down its pid, and never lets go of the thread. */
const spinning = (path: string): never => {
  const { spawn } = process.getBuiltinModule('node:child_process');
  const { pid } = spawn('sleep', ['600'], { stdio: 'ignore' });
  process.getBuiltinModule('node:fs').writeFileSync(path, String(pid));
  for (;;);
};

describe.each([
  { name: 'forked', open: RawLane.forked, cut: (lane: RawLane) => lane.watch.destroy() },
  { name: 'on another machine', open: RawLane.framed, cut: (lane: RawLane) => lane.child.stdin?.destroy() },
])('a lane $name', ({ open, cut }) => {
  test('says hello, makes calls, and leaves when it is told to', async () => {
    await using lane = open(folder);
    const add = lane.start({ kind: 'global', name: 'Math.max' }, { args: [3, 4] });

    lane.send(add);
    const value = await lane.end(add);
    lane.send({ kind: 'stop' });
    const code = await lane.ended;

    expect([value, code]).toEqual(['4', '0']);
    expect(lane.messages.map(({ kind }) => kind)).toEqual(['hello', 'started', 'ended', 'bye']);
    expect(lane.messages[0]).toMatchObject({ protocol: 1, node: process.version, slots: 1 });
  });

  test('does not outlive its engine, nor does what its call started, though its thread never listens', async () => {
    await using lane = open(folder);
    const begun = join(folder, 'begun');
    const spin = lane.start(spinning, { args: [begun] });
    lane.send(spin);
    const grandchild = readProcess(Number(await written(begun)));

    cut(lane);
    const signal = await lane.ended;

    expect(signal).toBe('SIGKILL');
    expect(grandchild).toBeDefined();
    while (grandchild !== undefined && isAlive(grandchild)) await new Promise(setImmediate);
  });

  test('gives a call its environment, its name and its directory, and takes them back when it throws', async () => {
    await using lane = open(folder);
    const directory = join(folder, 'attempt');
    const where = lane.start(
      () => {
        const { HEDDLE_RUN_ID, HEDDLE_JOB_ID, HEDDLE_ATTEMPT, COLOUR } = process.env;
        throw new Error([process.cwd(), HEDDLE_RUN_ID, HEDDLE_JOB_ID, HEDDLE_ATTEMPT, COLOUR].join(' '));
      },
      { directory, enterDirectory: true, environment: { COLOUR: 'red' } },
    );
    const after = lane.start(() => [process.cwd(), process.env['COLOUR'] ?? null]);

    lane.send(where, after);

    expect(await lane.end(where)).toBe(`Error: ${directory} r-1 job 0 a-0 red`);
    expect(JSON.parse(await lane.end(after))).toEqual([folder, null]);
  });

  test('fails a call for what nobody caught, and leaves', async () => {
    await using lane = open(folder);
    const start = lane.start(async () => {
      setTimeout(() => {
        throw new RangeError('from a timer');
      }, 1);
      await new Promise(() => undefined);
    });

    lane.send(start);

    expect(await lane.end(start)).toBe('RangeError: from a timer');
    expect(await lane.ended).toBe('0');
    expect(lane.messages.at(-1)).toEqual({ kind: 'bye' });
  });

  test('says what a call said before it left by process.exit', async () => {
    await using lane = open(folder);
    const start = lane.start(() => {
      for (let i = 0; i < 100; i += 1) process.stdout.write(`${i} `);
      process.exit(3);
    });

    lane.send(start);

    expect(await lane.ended).toBe('3');
    expect(lane.said(start)).toBe(Array.from({ length: 100 }, (_, i) => `${i} `).join(''));
  });

  test('gives nobody what an earlier call says late', async () => {
    await using lane = open(folder);
    const late = lane.start(() => void setTimeout(() => process.stdout.write('late'), 5));
    const next = lane.start(async () => {
      await new Promise((resolve) => {
        setTimeout(resolve, 30);
      });
      process.stdout.write('mine');
    });

    lane.send(late, next);
    await lane.end(next);

    expect([lane.said(late), lane.said(next), lane.raw]).toEqual(['', 'mine', '']);
  });

  test('lets nobody open an engine in it, and tells a module of its call', async () => {
    await using lane = open(folder);
    const module = join(folder, 'module.ts');
    writeFileSync(
      module,
      `import { attemptContext, Engine } from 'heddle';
       export const who = (): unknown => { const { run, job, attempt, fence } = attemptContext(); return [run, job, attempt, fence]; };
       export const nested = async (): Promise<void> => { await Engine.open(); };`,
    );
    const reference = (name: string) => ({ kind: 'module', module: pathToFileURL(module).href, name }) as const;
    const who = lane.start(reference('who'));
    const nested = lane.start(reference('nested'));

    lane.send(who, nested);

    expect(await lane.end(who)).toBe('["r-1","job 0","a-0",1]');
    expect(await lane.end(nested)).toBe('HeddleError: an engine was opened inside a call of another engine');
  });
});

test('a forked lane gives a call back while its thread never listens', async () => {
  await using lane = RawLane.forked(folder);
  const go = join(folder, 'go');
  const spin = lane.start(
    (path: string) => {
      const { existsSync: isThere } = process.getBuiltinModule('node:fs');
      while (!isThere(path));
    },
    { args: [go] },
  );
  const behind = lane.start(() => 'never');
  const last = lane.start(() => 'last');
  lane.send(spin);
  await lane.running(spin);
  lane.send(behind, last);

  const numbers = Buffer.alloc(8);
  numbers.writeUInt32LE(behind.slot, 0);
  numbers.writeUInt32LE(spin.slot, 4);
  lane.watch.write(numbers);
  let answer = Buffer.alloc(0);
  while (answer.length < 8) answer = Buffer.concat([answer, ...((await once(lane.watch, 'data')) as Buffer[])]);
  writeFileSync(go, '');

  expect([answer.readUInt32LE(0).toString(16), answer.readUInt32LE(4)]).toEqual(['80000001', spin.slot]);
  expect(await lane.end(last)).toBe('"last"');
  expect(lane.messages.some((message) => 'attempt' in message && message.attempt === behind.attempt)).toBe(false);
});

test('a lane on another machine loses nothing of what a call said, however much and however it left', async () => {
  await using lane = RawLane.framed(folder);
  const start = lane.start(() => {
    process.getBuiltinModule('node:fs').writeSync(1, 'past the protocol');
    process.stdout.write('x'.repeat(5_000_000));
    process.abort();
  });

  lane.send(start);

  expect(await lane.ended).toBe('SIGABRT');
  expect(lane.said(start).length).toBe(5_000_000);
  expect(lane.raw).toContain('past the protocol');
});
