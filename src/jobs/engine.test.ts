import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  DATA_EDGE,
  DEFAULT_REQUEST,
  DEFAULT_RETRY,
  type Definition,
  type EngineEvent,
  type Graph,
  GraphBuilder,
} from '../model/index.ts';
import { connectControl, Engine, openStoreAt } from './index.ts';

const CALL: Definition = {
  name: 'call',
  kind: 'call',
  backend: 'inline',
  resources: DEFAULT_REQUEST,
  retry: DEFAULT_RETRY,
  timeouts: {},
  graceMs: 100,
  priority: 0,
};

/** No-ops, each needing the one before. */
function chain(n: number): Graph {
  const builder = new GraphBuilder('chain');
  for (let i = 0; i < n; i += 1) {
    builder.add(`step-${i + 1}`, {
      definition: CALL,
      payload: '',
      edges: i === 0 ? [] : [{ from: i - 1, accept: DATA_EDGE }],
    });
  }
  return builder.build();
}

/** Timers side by side. */
function waits(n: number, ms: number): Graph {
  const builder = new GraphBuilder('waits');
  const payload = JSON.stringify({ call: { kind: 'builtin', name: 'wait' }, args: [ms] });
  for (let i = 0; i < n; i += 1) builder.add(`wait-${i + 1}`, { definition: CALL, payload, edges: [] });
  return builder.build();
}

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-engine-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('runs a graph in memory, and leaves nothing behind', async () => {
  const before = readdirSync(tmpdir()).length;
  {
    await using engine = await Engine.open();
    const run = await engine.run(chain(3));

    expect(engine.durability).toBe('memory');
    expect(await run.wait()).toMatchObject({ status: 'done', counts: { done: 3 }, size: 3 });
    expect(await run.result()).toBe(null);
    expect(run.running()).toEqual([]);
  }
  expect(readdirSync(tmpdir()).length).toBeLessThanOrEqual(before);
});

test('runs what yields a graph from parameters, and keeps the parameters with the run', async () => {
  await using engine = await Engine.open({ store: folder });

  const run = await engine.run(
    { name: 'w', build: (p) => chain((p as { n: number }).n) },
    { parameters: { n: 2 }, name: 'mine' },
  );
  await run.wait();

  const [row] = await engine.runs();
  expect(row).toMatchObject({ id: run.id, name: 'mine', status: 'done', size: 2 });
  expect(JSON.parse(row?.settings ?? '')).toEqual({ parameters: { n: 2 } });
});

test('the result has values where the workflow had references', async () => {
  await using engine = await Engine.open();
  const builder = new GraphBuilder('results');
  builder.add('replayed', {
    definition: { ...CALL, kind: 'command', backend: 'inline' },
    payload: JSON.stringify({ script: ['true'], replay: { seconds: 0 } }),
    edges: [],
  });
  builder.returns(JSON.stringify({ list: [{ $ref: [0] }, 7], text: 'as it is' }));

  const run = await engine.run(builder.build());

  expect(await run.result()).toEqual({ list: [{}, 7], text: 'as it is' });
});

test('events can be read from the beginning, from anywhere, and by several at once', async () => {
  await using engine = await Engine.open({ store: folder });
  const run = await engine.run(chain(3));
  const read = async (after?: number): Promise<readonly string[]> => {
    const texts = [];
    for await (const event of run.events(after === undefined ? {} : { after })) {
      if (event.kind === 'job') texts.push(`${event.seq} ${event.job} ${event.status}`);
    }
    return texts;
  };

  const [live, second] = await Promise.all([read(), read()]);
  const afterwards = await read();
  const half = await read(3);

  expect(live.filter((text) => text.endsWith('done'))).toHaveLength(3);
  expect(second).toEqual(live);
  expect(afterwards).toEqual(live);
  expect(half).toEqual(live.slice(3));
  expect(live.map((text) => Number.parseInt(text, 10))).toEqual(live.map((_, i) => i + 1));
});

test('who reads events slower than they come is given them from the store, each once', async () => {
  await using engine = await Engine.open({ store: folder });
  // Two events a job: more than are kept in memory for a slow reader.
  const run = await engine.run(waits(26_000, 0));
  const seqs: number[] = [];

  for await (const event of run.events()) {
    if (event.kind !== 'job') continue;
    if (seqs.length === 0) await run.wait();
    seqs.push(event.seq);
  }

  expect(seqs).toEqual(seqs.map((_, i) => i + 1));
  expect(seqs.length).toBeGreaterThan(50_000);
});

test('events end when whoever reads them has had enough, and when the engine is disposed', async () => {
  const engine = await Engine.open();
  const run = await engine.run(waits(2, 60_000));
  const enough = new AbortController();
  const read = async (signal?: AbortSignal): Promise<number> => {
    let count = 0;
    for await (const _ of run.events(signal === undefined ? {} : { signal })) count += 1;
    return count;
  };
  const first = read(enough.signal);
  const second = read();

  enough.abort();
  await first;
  await engine[Symbol.asyncDispose]();

  expect(await second).toBeGreaterThan(0);
});

test.each([
  ['in a store', () => ({ store: folder })],
  ['in memory', () => ({})],
])('%s: a run that did not end well rejects its result with the jobs that failed', async (_, options) => {
  await using engine = await Engine.open(options());
  const builder = new GraphBuilder('refused');
  builder.add('bad', {
    definition: CALL,
    payload: JSON.stringify({ call: { kind: 'builtin', name: 'wait' }, args: ['soon'] }),
    edges: [],
  });

  const run = await engine.run(builder.build());

  await expect(run.result()).rejects.toMatchObject({
    code: 'TASK_FAILED',
    details: {
      status: 'failed',
      failed: [{ job: 'bad', cause: expect.stringContaining("'wait' takes milliseconds") }],
    },
  });
});

test('what is interrupted goes on in another engine, and a finished run is not run again', async () => {
  let id: string;
  {
    await using engine = await Engine.open({ store: folder });
    const run = await engine.run(waits(2, 60_000));
    id = run.id;
  }
  await using engine = await Engine.open({ store: folder });
  expect((await engine.runs())[0]).toMatchObject({ id, status: 'pending', detail: 'interrupted' });

  const run = await engine.resume(id, { paused: true });
  expect(run.counts().running).toBe(0);
  await run.cancel();
  expect(await run.wait()).toMatchObject({ status: 'cancelled', counts: { cancelled: 2 } });

  await expect(engine.resume(id)).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
  await expect(engine.resume('r-nope')).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
});

test('its runs are steered through the socket its store names', async () => {
  await using engine = await Engine.open({ store: folder });
  const run = await engine.run(waits(2, 60_000));
  await using reader = await openStoreAt(folder);
  const owner = await reader.ownerOf(run.id);

  await using remote = await connectControl(owner?.socket ?? '', run.id);
  const told: EngineEvent[] = [];
  const telling = (async () => {
    for await (const event of remote.events(0)) told.push(event);
  })();
  expect(await remote.view()).toEqual(run.view());
  await remote.cancel();
  await telling;

  expect(await run.wait()).toMatchObject({ status: 'cancelled' });
  expect(told.filter((event) => event.kind === 'job' && event.status === 'cancelled')).toHaveLength(2);
  await expect(remote.why('nobody')).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
});

test.each(['../../etc', '', '-r', 'a b', 'x'.repeat(65)])('%j is refused as the id of a run', async (id) => {
  await using engine = await Engine.open();

  await expect(engine.run(chain(1), { id })).rejects.toMatchObject({ code: 'INPUT_INVALID' });
});
