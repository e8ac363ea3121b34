import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { command, Engine, sh, text, workflow } from '../../../src/index.ts';
import { backendCasesFor, traitsOf } from '../../../src/testing/index.ts';
import { backendFixture } from '../../backend-fixture.ts';
import { giveBack, ownFolder } from '../../own-folder.ts';
import { localPool } from './local-pool.ts';

describe('the contract, kept by attempts inside of an allocation', () => {
  test.each(backendCasesFor(traitsOf(localPool())))('$name', async (backendCase) => {
    await backendCase.run(async () => backendFixture('allocation', localPool(), { many: 200 }));
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
    await until(() => begun().length >= 6);

    await using next = await Engine.open({ store: join(project, 'store'), project, backends: [localPool()] });
    const [row] = await next.store.runs({});
    const run = await next.resume(row?.id as never);
    await run.wait();

    expect(run.view()).toMatchObject({ status: 'done', counts: { done: 12 } });
    expect(begun().toSorted()).toEqual(Array.from({ length: 12 }, (_, n) => String(n)).toSorted());
    expect(allocationsIn(project)).toBe(1);
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
