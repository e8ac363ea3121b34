import { expect, test } from 'vitest';
import {
  AfterAnother,
  afterClock,
  AfterOthers,
  AfterTimepoint,
  allOf,
  anyOf,
  beforeTimepoint,
  betweenClock,
  betweenTimepoint,
  betweenWeekday,
  Condition,
  Engine,
  LocalJob,
} from './index.ts';

const nothing = (): void => undefined;
const boom = (): never => {
  throw new Error('no');
};

/** Jobs that write their names down when they run. */
function writers(
  order: string[],
): (name: string, condition?: ConstructorParameters<typeof LocalJob>[2]) => LocalJob<[], void> {
  return (name, options) => new LocalJob(() => void order.push(name), [], { name, ...(options as object) });
}

test('jobs run in the order of their conditions, whatever the order in which they were submitted', async () => {
  await using engine = await Engine.open();
  const order: string[] = [];
  const write = writers(order);
  const first = write('first');
  const second = write('second', { condition: new AfterAnother(first) });
  const third = write('third', { condition: new AfterOthers([first, second.id]) });

  engine.submit(third, second, first);
  await engine.wait();

  expect(order).toEqual(['first', 'second', 'third']);
});

test('a job may be named by its id before it is submitted', async () => {
  await using engine = await Engine.open();
  const order: string[] = [];
  const write = writers(order);
  const late = write('late');
  const early = write('early', { condition: new AfterAnother(late.id) });
  engine.submit(early);
  await engine.committed();
  const waiting = early.status;

  engine.submit(late);
  await engine.wait();

  expect([waiting, ...order]).toEqual(['pending', 'late', 'early']);
});

test('an order accepts any end unless it says which', async () => {
  await using engine = await Engine.open();
  const failing = new LocalJob(boom);
  const any = new LocalJob(nothing, [], { condition: new AfterAnother(failing) });
  const onFailure = new LocalJob(nothing, [], { condition: new AfterAnother(failing, ['failed']) });
  const onSuccess = new LocalJob(nothing, [], { condition: new AfterAnother(failing, ['done']) });

  engine.submit(any, onFailure, onSuccess, failing);
  await engine.wait();

  expect([any.status, onFailure.status]).toEqual(['done', 'done']);
  expect(onSuccess).toMatchObject({ status: 'failed', cause: 'unsatisfiable' });
});

test('all of several, any of several, nested', async () => {
  await using engine = await Engine.open();
  const order: string[] = [];
  const write = writers(order);
  const gate = Promise.withResolvers<void>();
  const quick = write('quick');
  const slow = new LocalJob(async () => {
    await gate.promise;
    order.push('slow');
  });
  const either = write('either', { condition: anyOf(new AfterAnother(quick), new AfterAnother(slow)) });
  const one = write('one', { condition: new AfterOthers([quick, slow], { mode: 'any' }) });
  const both = write('both', { condition: allOf(new AfterAnother(quick), anyOf(new AfterAnother(slow))) });

  engine.submit(both, one, either, slow, quick);
  await engine.join([either, one]);
  gate.resolve();
  await engine.wait();

  expect(order[0]).toBe('quick');
  expect(order.slice(1, 3).toSorted()).toEqual(['either', 'one']);
  expect(order.slice(3)).toEqual(['slow', 'both']);
});

test('not before a point in time, and never after one', async () => {
  await using engine = await Engine.open();
  const at = Date.now() + 60;
  const job = new LocalJob(() => Date.now(), [], { condition: new AfterTimepoint(new Date(at)) });
  const within = new LocalJob(nothing, [], { condition: betweenTimepoint(at - 1000, at + 3_600_000) });
  const missed = new LocalJob(nothing, [], { condition: beforeTimepoint(at - 1000) });
  engine.submit(job, within, missed);
  await engine.wait();

  expect(await job.result()).toBeGreaterThan(at);
  expect(within.status).toBe('done');
  expect(missed).toMatchObject({ status: 'failed', cause: 'unsatisfiable' });
});

test('what waits for a job that nobody submits fails when all is said', async () => {
  await using engine = await Engine.open();
  const job = new LocalJob(nothing, [], { condition: new AfterAnother('nobody-1') });
  engine.submit(job);

  expect(await engine.wait()).toBe(true);
  await expect(job.result()).rejects.toMatchObject({ details: { cause: 'unsatisfiable' } });
});

test('what can never come true is told with its reason', async () => {
  await using engine = await Engine.open();
  const failing = new LocalJob(boom, [], { name: 'failing' });
  const conditions = {
    nobody: new AfterAnother('nobody-1'),
    otherwise: new AfterOthers([failing], { statuses: ['done', 'cancelled'] }),
    late: beforeTimepoint('2001-01-01T00:00:00Z'),
    either: anyOf(new AfterAnother('nobody-1'), new AfterAnother(failing, ['done'])),
  };
  const jobs = Object.values(conditions).map((condition) => new LocalJob(nothing, [], { condition }));
  engine.submit(failing, ...jobs);
  await engine.wait();

  expect(jobs.map((job) => job.exception()?.message.replace(/^job '\S+' failed: /, ''))).toEqual([
    "it waits for job 'nobody-1', which nobody submitted",
    `it waits for job '${failing.id}' to be done or cancelled, and it is failed`,
    'it had to start before 2001-01-01T00:00:00.000Z',
    `it waits for job 'nobody-1', which nobody submitted; it waits for job '${failing.id}' to be done, and it is failed`,
  ]);
});

test('a condition of one’s own is looked at at its own pace until it holds', async () => {
  await using engine = await Engine.open();
  class Third extends Condition {
    override readonly everyMs = 5;
    looks = 0;
    seen: Engine | undefined;

    satisfy(on: Engine): boolean {
      this.looks += 1;
      this.seen = on;
      return this.looks === 3;
    }
  }
  const condition = new Third();
  const job = new LocalJob(nothing, [], { condition });
  engine.submit(job);
  await job.wait();

  expect(job.status).toBe('done');
  expect(condition).toMatchObject({ looks: 3, seen: engine });
});

test('one may answer later; one that throws or rejects counts as false, and is told of', async () => {
  await using engine = await Engine.open();
  const told: string[] = [];
  engine.logs.add((text) => told.push(text), { level: 'debug' });
  class Later extends Condition {
    override readonly everyMs = 5;
    asked = 0;

    async satisfy(): Promise<boolean> {
      this.asked += 1;
      if (this.asked === 1) throw new Error('not today');
      return this.asked >= 2;
    }
  }
  const job = new LocalJob(nothing, [], { condition: new Later() });
  engine.submit(job);
  await job.wait();

  expect(job.status).toBe('done');
  expect(told.join('\n')).toMatch(/Later.*\n.*not today/);
});

test.each([
  ['a time of day', () => afterClock('25:00')],
  ['a time of day', () => afterClock('half past nine')],
  ['a day', () => betweenWeekday('mon', 'funday')],
  ['a point in time', () => new AfterTimepoint('soon')],
  ['a span', () => betweenTimepoint('2027-01-02', '2027-01-01')],
  ['a time zone', () => afterClock('9', { timeZone: 'Mars/Olympus' })],
  ['a status', () => new AfterAnother('a-1', ['finished' as 'done'])],
  ['no status', () => new AfterOthers(['a-1'], { statuses: [] })],
  ['a job', () => new AfterAnother(7 as unknown as string)],
])('%s that is none is refused, by name and with the mend', (_, make) => {
  expect(make).toThrow(
    expect.objectContaining({
      code: 'INPUT_INVALID',
      message: expect.stringMatching(/'|\d|no /),
      hint: expect.any(String),
    }),
  );
});

test('windows of the clock and of the week go over their ends', () => {
  const scope = { own: () => '' };

  expect(betweenClock('9:30', '17').toData(scope)).toMatchObject({
    kind: 'all',
    conditions: [
      { kind: 'after-clock', seconds: 34_200 },
      { kind: 'before-clock', seconds: 61_200 },
    ],
  });
  expect(betweenClock('22', '6:00:30').toData(scope)).toMatchObject({ kind: 'any' });
  expect(betweenWeekday('Sat', 'monday').toData(scope)).toMatchObject({
    kind: 'any',
    conditions: [
      { kind: 'after-weekday', day: 5 },
      { kind: 'before-weekday', day: 0 },
    ],
  });
  expect(betweenWeekday('tue', 'tue').toData(scope)).toMatchObject({ kind: 'all' });
});
