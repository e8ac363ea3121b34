import { describe, expect, test } from 'vitest';
import { ScriptedBackend, settled, testEngine } from './scripted.ts';

const FOUR = { a: {}, b: {}, c: {}, d: {} };

describe('limits', () => {
  test('over all backends so many attempts run at a time, and why says so; raised, more start', async () => {
    await using engine = await testEngine({ cpus: 4, options: { limits: { jobs: 1 } } });
    const run = await engine.start(FOUR);
    expect(engine.running()).toEqual(['a']);
    expect(engine.shell.why(run, 1)).toMatchObject({ job: { detail: 'queued' }, limit: 1 });

    engine.shell.limit({ jobs: 3 });
    await settled();
    expect(engine.running()).toEqual(['a', 'b', 'c']);

    engine.shell.limit({ jobs: 1 });
    engine.backend.end('a');
    engine.backend.end('b');
    await settled();
    expect(engine.running()).toEqual(['c']);
    engine.backend.end('c');
    await settled();
    expect(engine.running()).toEqual(['d']);
    expect(engine.shell.why(run, 3).limit).toBeUndefined();
  });

  test('a backend without a say of its own has its places offered smaller; what runs goes on', async () => {
    const places = [
      { name: 'here', cpus: 3 },
      { name: 'there', cpus: 1 },
    ];
    await using engine = await testEngine({ places });
    await engine.start({ a: {}, b: {}, c: {}, d: {}, e: {} });
    expect(engine.running()).toHaveLength(4);

    engine.shell.limit({ backends: { scripted: 2 } });
    for (const job of ['a', 'b', 'c', 'd']) {
      expect(engine.running()).toContain(job);
      engine.backend.end(job);
    }
    await settled();
    expect(engine.running()).toEqual(['e']);

    engine.backend.context.report({ kind: 'places', places });
    await engine.start({ f: {}, g: {} });
    expect(engine.running()).toEqual(['e', 'f']);
    engine.shell.limit({ backends: { scripted: Number.POSITIVE_INFINITY } });
    await settled();
    expect(engine.running()).toEqual(['e', 'f', 'g']);
  });

  test('a backend that can is asked to change itself', async () => {
    await using engine = await testEngine({ cpus: 4 });
    const asked: number[] = [];
    Object.assign(engine.backend, { resize: (slots: number) => asked.push(slots) });

    engine.shell.limit({ backends: { scripted: 2 } });

    expect(asked).toEqual([2]);
  });

  test('over all backends neither is served before the other for ever', async () => {
    const other = Object.assign(new ScriptedBackend([{ name: 'there', cpus: 4 }]), { name: 'other' });
    await using engine = await testEngine({ cpus: 4, options: { limits: { jobs: 1 } }, more: [other] });
    await engine.start({ a: {}, b: {}, c: {}, d: {}, x: { backend: 'other' } });

    for (let round = 0; round < 3 && !other.live.has('x'); round += 1) {
      engine.backend.end(engine.running()[0] as string);
      await settled();
    }

    expect([...other.live.keys()]).toEqual(['x']);
    expect(engine.running()).toEqual([]);
  });

  test('what means nothing is refused', async () => {
    await using engine = await testEngine();
    expect(() => engine.shell.limit({ jobs: 0 })).toThrow(expect.objectContaining({ code: 'INPUT_INVALID' }));
    expect(() => engine.shell.limit({ backends: { scripted: 1.5 } })).toThrow(
      expect.objectContaining({ code: 'INPUT_INVALID' }),
    );
    expect(() => engine.shell.limit({ backends: { moon: 1 } })).toThrow(
      expect.objectContaining({ code: 'BACKEND_UNKNOWN' }),
    );
  });
});

describe('pulling values of a generator', () => {
  test('goes to the backend of the live attempt, and ends with it', async () => {
    await using engine = await testEngine();
    const run = await engine.start({ walk: {} });
    const pulled: unknown[] = [];
    Object.assign(engine.backend, {
      pull: (attempt: string, request: unknown) => {
        pulled.push([attempt, request]);
        return Promise.resolve({ done: false, value: 7 });
      },
    });

    expect(await engine.shell.pull(run, 0, { kind: 'next', value: 1 })).toEqual({ done: false, value: 7 });
    expect(pulled).toEqual([[engine.backend.live.get('walk')?.attempt, { kind: 'next', value: 1 }]]);
    engine.backend.end('walk');
    await settled();

    await expect(engine.shell.pull(run, 0, { kind: 'next' })).rejects.toMatchObject({
      code: 'STREAM_ENDED',
      message: expect.stringContaining('job "walk"'),
    });
  });
});
