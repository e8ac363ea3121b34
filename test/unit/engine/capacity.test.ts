import { describe, expect, test } from 'vitest';
import { settled, testEngine } from './scripted.ts';

const GIB = 2 ** 30;

describe('places that change', () => {
  test('memory that becomes limited counts what is held already', async () => {
    await using engine = await testEngine({ places: [{ name: 'n', cpus: 4 }] });
    await engine.start({ a: { resources: { memoryBytes: 3 * GIB } } });
    engine.backend.context.report({ kind: 'places', places: [{ name: 'n', cpus: 4, memoryBytes: 4 * GIB }] });

    await engine.start({ b: { resources: { memoryBytes: 3 * GIB } } });

    expect(engine.running()).toEqual(['a']);
    engine.backend.end('a');
    await settled();
    expect(engine.running()).toEqual(['b']);
  });

  test('a place that shrinks below what is held grants nothing until enough came back', async () => {
    await using engine = await testEngine({ places: [{ name: 'n', cpus: 4 }] });
    await engine.start({ a: { resources: { cpus: 2 } }, b: { resources: { cpus: 2 } }, c: {} });
    engine.backend.context.report({ kind: 'places', places: [{ name: 'n', cpus: 1 }] });
    engine.backend.end('a');
    await settled();
    expect(engine.running()).toEqual(['b']);

    engine.backend.end('b');
    await settled();

    expect(engine.running()).toEqual(['c']);
  });

  test('a reservation on a place that leaves is made on another one', async () => {
    const places = [
      { name: 'p', cpus: 2 },
      { name: 'q', cpus: 2 },
    ];
    await using engine = await testEngine({ places });
    const small = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`s${i}`, {}]));
    await engine.start({
      x1: { priority: 9 },
      x2: { priority: 9, resources: { cpus: 2 } },
      wide: { priority: 5, resources: { cpus: 2 } },
      ...small,
    });
    const endSmall = async (): Promise<void> => {
      engine.backend.end(engine.running().find((name) => name.startsWith('s')) as string);
      await settled();
    };
    await endSmall();
    await engine.clock.pass(60_000);
    await endSmall();
    const backend = engine.shell.core.backends.get('scripted');
    expect(backend?.reservation?.place?.place.name).toBe('p');
    expect(engine.running()).toEqual(['x1', 'x2']);

    engine.backend.context.report({ kind: 'places', places: places.filter(({ name }) => name === 'q') });
    await settled();
    engine.backend.end('x2');
    await settled();

    expect(engine.backend.live.get('wide')?.grant.place).toBe('q');
  });

  test.each(['hold', 'cancel', 'pause'] as const)(
    '%s of the job that room is kept for gives it to others',
    async (what) => {
      await using engine = await testEngine({ cpus: 3 });
      const small = Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`s${i}`, {}]));
      const wide = await engine.start({ x: { priority: 9 }, wide: { priority: 5, resources: { cpus: 3 } } });
      await engine.start(small);
      engine.backend.end('s0');
      await settled();
      await engine.clock.pass(60_000);
      engine.backend.end('s1');
      await settled();
      expect(engine.running()).toHaveLength(2);

      if (what === 'pause') await engine.shell.pause(wide);
      else await engine.shell[what](wide, [1]);
      await settled();

      expect(engine.running()).toHaveLength(3);
      if (what === 'pause') await engine.shell.unpause(wide);
      if (what === 'hold') await engine.shell.release(wide, [1]);
    },
  );

  test('room is not kept for a job on a place that ends before the job would', async () => {
    const hour = 3_600_000;
    const { ManualClock } = await import('./scripted.ts');
    const clock = new ManualClock();
    await using engine = await testEngine({
      clock,
      places: [
        { name: 'short', cpus: 2, endsAt: clock.wall + hour / 2 },
        { name: 'long', cpus: 2 },
      ],
    });
    const small = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`s${i}`, {}]));
    const run = await engine.start({
      x: { priority: 9, resources: { timeMs: hour } },
      wide: { priority: 5, resources: { cpus: 2, timeMs: hour } },
      ...small,
    });
    engine.backend.end(engine.running().find((name) => name.startsWith('s')) as string);
    await settled();
    await engine.clock.pass(60_000);
    engine.backend.end(engine.running().find((name) => name.startsWith('s')) as string);
    await settled();

    expect(engine.shell.core.backends.get('scripted')?.reservation?.place?.place.name).toBe('long');
    expect(engine.states(run)['wide']).toBe('pending (reserved)');
  });
});
