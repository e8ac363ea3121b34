import { describe, expect, test } from 'vitest';
import { DEFAULT_RETRY, type Definition, type EngineEvent, type Graph, GraphBuilder } from '../model/index.ts';
import { TimeLeft } from './time-left.ts';

const PLAIN: Omit<Definition, 'name'> = {
  kind: 'call',
  resources: { cpus: 1 },
  retry: DEFAULT_RETRY,
  timeouts: {},
  graceMs: 1000,
  priority: 0,
};

function graphOf(kinds: Readonly<Record<string, number>>): Graph {
  const builder = new GraphBuilder('graph');
  for (const [kind, count] of Object.entries(kinds)) {
    const definition: Definition = { ...PLAIN, name: kind };
    for (let i = 0; i < count; i += 1) builder.add(`${kind}-${i}`, { definition });
  }
  return builder.build();
}

const job = (index: number, status: 'running' | 'done' | 'cancelled' | 'pending', at: number): EngineEvent => ({
  kind: 'job',
  run: 'r-1' as never,
  seq: 1,
  job: `job-${index}` as never,
  index,
  from: status === 'running' ? 'pending' : 'running',
  status,
  detail: '',
  fence: 1,
  at,
});

describe('the time that is left', () => {
  test('is learned from what jobs of the same definition took', () => {
    const left = new TimeLeft([graphOf({ short: 100, long: 10 })], 0, { size: 110, open: 110 });
    // One at a time: ten short ones of 100 ms, then two long ones of 10 s.
    let at = 0;
    for (let i = 0; i < 10; i += 1) left.hear([job(i, 'running', at), job(i, 'done', (at += 100))]);
    for (let i = 100; i < 102; i += 1) left.hear([job(i, 'running', at), job(i, 'done', (at += 10_000))]);

    // 90 short ones and 8 long ones: 89 s. By numbers of jobs alone it would be 171 s.
    expect(left.leftMs(at)).toBeCloseTo(89_000, -2);
  });

  test('counts what those that run have done already, and not more than they take', () => {
    const left = new TimeLeft([graphOf({ step: 6 })], 0, { size: 6, open: 6 });
    for (let i = 0; i < 3; i += 1) left.hear([job(i, 'running', i * 1000), job(i, 'done', (i + 1) * 1000)]);
    left.hear([job(3, 'running', 3000)]);
    expect(left.leftMs(3000)).toBeCloseTo(3000, 0);
    left.hear([job(4, 'running', 13_000)]);
    expect(left.leftMs(3000)).toBeCloseTo(2000, 0);
  });

  test('is not said before something has been seen, and what was cancelled says nothing', () => {
    const left = new TimeLeft([graphOf({ step: 10 })], 0, { size: 10, open: 10 });
    left.hear([job(0, 'cancelled', 5), job(1, 'cancelled', 5), job(2, 'cancelled', 5)]);
    expect(left.leftMs(10_000)).toBeUndefined();
  });

  test('of jobs nobody knows the kind of is that of all', () => {
    const left = new TimeLeft([], 0, { size: 10, open: 10 });
    for (let i = 0; i < 5; i += 1) left.hear([job(i, 'running', i * 1000), job(i, 'done', (i + 1) * 1000)]);
    expect(left.leftMs(5000)).toBeCloseTo(5000, 0);
  });
});
