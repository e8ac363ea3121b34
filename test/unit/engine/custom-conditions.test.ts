import { describe, expect, test } from 'vitest';
import type { Condition } from '../../../src/model/index.ts';
import { graphOf, ManualClock, settled, testEngine } from './scripted.ts';

const HOUR = 3_600_000;

function custom(name: string, everyMs = 1000): Condition {
  return { kind: 'custom', name, everyMs };
}

describe('conditions of the user’s', () => {
  test('a word holds until the next look: one that said yes once starts the job, whatever it would say next', async () => {
    const answers = [false, true];
    const conditions = { fickle: () => answers.shift() ?? false };
    await using engine = await testEngine({ cpus: 1, options: { conditions } });
    await engine.start({ gated: { condition: custom('fickle') }, other: { condition: custom('fickle') } });
    expect(engine.running()).toEqual([]);

    await engine.clock.pass(1000);

    // Both asked, one question; the second has to wait for room, and by then the word is old.
    expect(engine.running()).toEqual(['gated']);
    expect(answers).toEqual([]);
    await engine.clock.pass(1000);
    engine.backend.end('gated');
    await settled();
    expect(engine.running()).toEqual([]);
  });

  test('a promise counts as no until it has settled, and is remembered for the next look, however late that is', async () => {
    const asked: PromiseWithResolvers<boolean>[] = [];
    const conditions = {
      slow: () => {
        const answer = Promise.withResolvers<boolean>();
        asked.push(answer);
        return answer.promise;
      },
    };
    await using engine = await testEngine({ options: { conditions } });
    await engine.start({ gated: { condition: custom('slow') } });
    await engine.clock.pass(5000);
    expect(asked).toHaveLength(1);
    expect(engine.running()).toEqual([]);

    asked[0]?.resolve(true);
    await settled();
    engine.clock.mono += 600_000;
    await engine.clock.pass(1000);

    expect(engine.running()).toEqual(['gated']);
    expect(asked).toHaveLength(1);
  });

  test('what they throw, at once or later, is told and counts as no', async () => {
    const conditions = {
      throws: () => {
        throw new Error('no disk');
      },
      rejects: () => Promise.reject(new Error('no net')),
    };
    await using engine = await testEngine({ options: { conditions } });
    const run = await engine.start({ a: { condition: custom('throws') }, b: { condition: custom('rejects') } });

    expect(engine.states(run)).toEqual({ a: 'pending (condition)', b: 'pending (condition)' });
    expect(engine.events.filter(({ kind }) => kind === 'notice')).toMatchObject([
      { code: 'condition-threw', message: 'condition "throws" threw and counts as false: no disk' },
      { code: 'condition-threw', message: 'condition "rejects" threw and counts as false: no net' },
    ]);
  });

  test('a pace of nothing is no loop', async () => {
    let looks = 0;
    const conditions = { counts: () => (looks += 1) > 3 };
    await using engine = await testEngine({ options: { conditions } });
    await engine.start({ gated: { condition: custom('counts', 0) } });
    expect(looks).toBe(1);

    await engine.clock.pass(3);

    expect(engine.running()).toEqual(['gated']);
  });
});

describe('conditions on clocks', () => {
  /** A clock that stands at a point in time. */
  function clockAt(wall: number): ManualClock {
    const clock = new ManualClock();
    clock.wall = wall;
    return clock;
  }

  test('a time of day is waited for where the zone is, with one look', async () => {
    // 20:00 in Tokyo.
    const clock = clockAt(Date.UTC(2026, 10, 20, 11));
    await using engine = await testEngine({ clock });
    const at9 = { kind: 'after-clock', seconds: 9 * 3600, timeZone: 'Asia/Tokyo' } as const;
    const before12 = { kind: 'before-clock', seconds: 12 * 3600, timeZone: 'Asia/Tokyo' } as const;
    const run = await engine.start({
      now: { condition: at9 },
      morning: { condition: { kind: 'all', conditions: [at9, before12] } },
    });
    expect(engine.states(run)).toEqual({ now: 'running (starting)', morning: 'pending (time)' });
    expect(engine.shell.why(run, 1).wakeAt).toBe(Date.UTC(2026, 10, 20, 15));

    await clock.pass(4 * HOUR);
    expect(engine.shell.why(run, 1).wakeAt).toBe(Date.UTC(2026, 10, 21, 0));
    await clock.pass(9 * HOUR - 1);
    expect(engine.running()).toEqual(['now']);
    await clock.pass(1);
    expect(engine.running()).toEqual(['now', 'morning']);
  });

  test('days of the week come round', async () => {
    // A Friday in UTC.
    const clock = clockAt(Date.UTC(2026, 10, 20, 11));
    await using engine = await testEngine({ clock });
    const run = await engine.start({
      weekend: { condition: { kind: 'after-weekday', day: 5, timeZone: 'UTC' } },
      monday: { condition: { kind: 'before-weekday', day: 1, timeZone: 'UTC' } },
      never: { condition: { kind: 'before-weekday', day: 0, timeZone: 'UTC' } },
    });
    expect(engine.states(run)).toEqual({
      weekend: 'pending (time)',
      monday: 'pending (time)',
      never: 'failed (unsatisfiable)',
    });

    await clock.pass(13 * HOUR);
    expect(engine.running()).toEqual(['weekend']);
    await clock.pass(48 * HOUR);
    expect(engine.running()).toEqual(['weekend', 'monday']);
  });

  test('a zone that is not there is refused, at the start and when jobs are appended', async () => {
    await using engine = await testEngine();
    const condition = { kind: 'after-clock', seconds: 0, timeZone: 'Middle/Earth' } as const;
    await expect(engine.start({ a: { condition } })).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    const run = await engine.start({ a: {} });

    const more = { ...graphOf({ b: { condition: { kind: 'any', conditions: [condition] } } }), base: 1 };
    await expect(engine.shell.append(run, more)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    expect(engine.shell.view(run).size).toBe(1);
  });
});

describe('why a job waits', () => {
  test('names the jobs its condition names that have not ended', async () => {
    await using engine = await testEngine();
    const after = { kind: 'after', jobs: ['a', 'b', 'later'], accept: 7, mode: 'all' } as const;
    const run = await engine.start({ a: {}, b: {}, c: { condition: after } }, { open: true });
    engine.backend.end('a');
    await settled();

    expect(engine.shell.why(run, 2)).toMatchObject({
      waitsFor: [
        { job: 'b', status: 'running', edge: 'condition' },
        { job: 'later', status: 'created', edge: 'condition' },
      ],
      waitsForCount: 2,
    });
  });
});
