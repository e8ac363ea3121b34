import { spawn } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { command, Engine, sh, text, workflow } from '../../../src/index.ts';
import { backendCasesFor, traitsOf } from '../../../src/testing/index.ts';
import { backendFixture } from '../../backend-fixture.ts';
import { giveBack, ownFolder } from '../../own-folder.ts';
import { localPool } from './local-pool.ts';

describe('the contract, kept by attempts inside of an allocation', () => {
  test.each(backendCasesFor([...traitsOf(localPool()), 'successor']))('$name', async (backendCase) => {
    // Nobody takes an allocation from an engine whose process lives; killed ones are below.
    const facts = { many: 200, successor: () => localPool(), givenUp: 'closed' } as const;
    await backendCase.run(async () => backendFixture('allocation', localPool(), facts));
  });
});

const ledger = command('ledger', {
  run: (p: { n: number; to: string }) => sh`echo ${p.n} >> ${p.to}; sleep 0.2; echo done > done`,
  outputs: { done: text('done') },
});

interface Study {
  readonly project: string;
  /** What was begun, a line each time. */
  readonly begun: () => readonly string[];
}

async function study(run: (study: Study) => Promise<void>): Promise<void> {
  const project = ownFolder('allocation');
  const file = join(project, 'ledger');
  writeFileSync(file, '');
  try {
    await run({ project, begun: () => readFileSync(file, 'utf8').split('\n').filter(Boolean) });
  } finally {
    await giveBack(project);
  }
}

async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 20));
}

const allocationsIn = (project: string): number => {
  const folder = join(project, 'store/targets/pool/allocations');
  return existsSync(folder) ? readdirSync(folder).length : 0;
};

test('an agent outlives its engine: what it did meanwhile is collected, and nothing is done twice', async () => {
  await study(async ({ project, begun }) => {
    const entry = join(import.meta.dirname, 'pool-engine.entry.ts');
    const engine = spawn(process.execPath, [entry, project, '12'], { stdio: 'ignore' });
    await until(() => begun().length >= 5);
    engine.kill('SIGKILL');

    await using next = await Engine.open({ store: join(project, 'store'), project, backends: [localPool()] });
    const [row] = await next.store.runs({});
    const run = await next.resume(row?.id as never);
    await run.wait();

    expect(run.view()).toMatchObject({ status: 'done', counts: { done: 12 } });
    expect(begun().toSorted()).toEqual(Array.from({ length: 12 }, (_, n) => String(n)).toSorted());
  });
});

test('F34: an allocation that ends takes nobody down for good: what was in it goes on in the next', async () => {
  await study(async ({ project, begun }) => {
    const backends = [localPool()];
    await using engine = await Engine.open({ store: join(project, 'store'), project, backends });
    const build = (): unknown => Array.from({ length: 8 }, (_, n) => ledger({ n, to: join(project, 'ledger') }).done);
    const run = await engine.run(workflow('flow', build), { backend: 'pool' });
    await until(() => begun().length >= 3);
    const cards = join(project, 'store/targets/pool/allocations');
    const [allocation = ''] = readdirSync(cards);
    const card = JSON.parse(readFileSync(join(cards, allocation, 'agents/n0.json'), 'utf8')) as {
      readonly pid: number;
    };
    process.kill(card.pid, 'SIGTERM');
    await run.wait();

    expect(run.view()).toMatchObject({ status: 'done', counts: { done: 8 } });
    expect(allocationsIn(project)).toBeGreaterThan(1);
  });
});

test('where no connection leads to an agent, mail on the shared disk does', async () => {
  await study(async ({ project }) => {
    const backends = [localPool({ environment: { HEDDLE_AGENT_MAIL: '1' } })];
    await using engine = await Engine.open({ store: join(project, 'store'), project, backends });
    const build = (): unknown => Array.from({ length: 6 }, (_, n) => ledger({ n, to: join(project, 'ledger') }).done);
    const run = await engine.run(workflow('flow', build), { backend: 'pool' });

    expect(await run.result()).toEqual(Array.from({ length: 6 }, () => 'done\n'));
  });
});

test('what no allocation could hold is refused, with what it could hold', async () => {
  await study(async ({ project }) => {
    await using engine = await Engine.open({ store: join(project, 'store'), project, backends: [localPool()] });
    const long = command('long', { run: () => sh`true`, resources: { time: '20m' } });
    const run = await engine.run(
      workflow('flow', () => long()),
      { backend: 'pool' },
    );

    await expect(run.result()).rejects.toThrow(/1200 s, and an allocation lasts 600 s/);
    expect(allocationsIn(project)).toBe(0);
  });
});

test('more allocations are asked for as work waits, and never more than may be', async () => {
  await study(async ({ project, begun }) => {
    const backends = [localPool({ max: 2 })];
    await using engine = await Engine.open({ store: join(project, 'store'), project, backends });
    const build = (): unknown => Array.from({ length: 16 }, (_, n) => ledger({ n, to: join(project, 'ledger') }).done);
    const run = await engine.run(workflow('flow', build), { backend: 'pool' });
    await run.wait();

    expect(run.view().counts.done).toBe(16);
    expect(begun()).toHaveLength(16);
    expect(allocationsIn(project)).toBe(2);
  });
});

test('what ended while nobody was there is collected, though its agent has left meanwhile', async () => {
  await study(async ({ project, begun }) => {
    const entry = join(import.meta.dirname, 'pool-engine.entry.ts');
    const engine = spawn(process.execPath, [entry, project, '2'], { stdio: 'ignore' });
    await until(() => begun().length === 2);
    engine.kill('SIGKILL');
    const folder = join(project, 'store/targets/pool/allocations');
    const left = (): boolean => readdirSync(folder).some((id) => existsSync(join(folder, id, 'agents/n0.left')));
    await until(left);

    await using next = await Engine.open({ store: join(project, 'store'), project, backends: [localPool()] });
    const [row] = await next.store.runs({});
    const run = await next.resume(row?.id as never);
    await run.wait();

    expect(run.view()).toMatchObject({ status: 'done', counts: { done: 2 } });
    expect(begun()).toHaveLength(2);
  });
});

test('two engines on one store leave each other alone: each has allocations of its own', async () => {
  await study(async ({ project, begun }) => {
    const entry = join(import.meta.dirname, 'pool-engine.entry.ts');
    const engine = spawn(process.execPath, [entry, project, '16'], { stdio: 'ignore' });
    const ended = once(engine, 'exit');
    await until(() => begun().length >= 2);

    const open = { store: join(project, 'store'), project, backends: [localPool()] };
    await using second = await Engine.open(open);
    const build = (): unknown =>
      Array.from({ length: 6 }, (_, n) => ledger({ n: n + 100, to: join(project, 'ledger') }).done);
    const run = await second.run(workflow('other', build), { backend: 'pool' });
    await run.wait();

    expect(run.view().counts.done).toBe(6);
    expect(await ended).toEqual([0, null]);
    expect(begun().toSorted()).toEqual(
      [...Array.from({ length: 16 }, (_, n) => n), ...Array.from({ length: 6 }, (_, n) => n + 100)]
        .map(String)
        .toSorted(),
    );
    expect(allocationsIn(project)).toBe(2);
  });
});

test('a connection that is cut is made again: orders on their way are given again, ends that were told to nobody are asked for', async () => {
  const made: Socket[] = [];
  const remember = (message: unknown): void => void made.push((message as { readonly socket: Socket }).socket);
  subscribe('net.client.socket', remember);
  await study(async ({ project, begun }) => {
    const backends = [localPool()];
    await using engine = await Engine.open({ store: join(project, 'store'), project, backends });
    const build = (): unknown => Array.from({ length: 16 }, (_, n) => ledger({ n, to: join(project, 'ledger') }).done);
    const run = await engine.run(workflow('flow', build), { backend: 'pool' });
    for (const count of [2, 5, 9]) {
      await until(() => begun().length >= count);
      for (const socket of made.splice(0)) socket.destroy();
    }
    await run.wait();

    expect(run.view().counts.done).toBe(16);
    expect(begun()).toHaveLength(16);
    expect(allocationsIn(project)).toBe(1);
  }).finally(() => unsubscribe('net.client.socket', remember));
});

test('who has not the token is not listened to, and gets no answer but a riddle', async () => {
  await study(async ({ project, begun }) => {
    await using engine = await Engine.open({ store: join(project, 'store'), project, backends: [localPool()] });
    const build = (): unknown => Array.from({ length: 3 }, (_, n) => ledger({ n, to: join(project, 'ledger') }).done);
    const run = await engine.run(workflow('flow', build), { backend: 'pool' });
    await until(() => begun().length >= 1);
    const folder = join(project, 'store/targets/pool/allocations');
    const [allocation = ''] = readdirSync(folder);
    const path = join(folder, allocation, 'agents/n0.json');
    const { port, token } = JSON.parse(readFileSync(path, 'utf8')) as { readonly port: number; readonly token: string };
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, allocation)).mode & 0o777).toBe(0o700);

    const word = 'x'.repeat(32);
    const said = await talk(port, [`heddle-agent/2 ${word}\n`, `${'A'.repeat(43)}\n`, 'nobody reads this']);
    expect(said).toMatch(/^heddle-agent\/2 [\w-]{32} [\w-]{43}\n$/);
    expect(said).not.toContain(token);
    expect(await talk(port, [`heddle-agent/1 ${token}\n`.padEnd(80, '.')])).toBe('');
    await run.wait();
    expect(run.view().counts.done).toBe(3);
  });
});

/** Says these things one after the other, and gives what is answered until the other side hangs up. */
async function talk(port: number, words: readonly string[]): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port });
  let said = '';
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    said += chunk.toString();
    socket.write(words[1] ?? '');
    socket.write(words[2] ?? '');
  });
  socket.write(words[0] ?? '');
  await once(socket, 'close');
  return said;
}

test('allocations that end before their agent comes are not asked for for ever: what waits fails, and says what to look at', async () => {
  await study(async ({ project }) => {
    const backends = [localPool({ command: () => ['sh', '-c', 'echo no such disk >&2; exit 3'] })];
    await using engine = await Engine.open({ store: join(project, 'store'), project, backends });
    const run = await engine.run(
      workflow('flow', () => ledger({ n: 1, to: join(project, 'ledger') })),
      { backend: 'pool' },
    );

    await expect(run.result()).rejects.toThrow(/3 allocations in a row ended before .*no such disk.*same path/s);
    expect(allocationsIn(project)).toBe(3);
  });
}, 60_000);

test('a task of several ranks is refused in an allocation, with where it can run', async () => {
  await study(async ({ project }) => {
    await using engine = await Engine.open({ store: join(project, 'store'), project, backends: [localPool()] });
    const ranks = command('ranks', { run: () => sh`true`, resources: { ranks: 2 } });
    const run = await engine.run(
      workflow('flow', () => ranks()),
      { backend: 'pool' },
    );

    await expect(run.result()).rejects.toThrow(/2 ranks.*without allocation/);
  });
});
