import { expect, test } from 'vitest';
import type { EngineEvent } from '../../../src/model/index.ts';
import { ScriptedBackend, settled, testEngine } from './scripted.ts';

const NEEDS = { why: 'it wants a password', mend: 'ssh login.example.org' };

test('jobs of a target that wants its user wait until he was there, others go on, and nothing is charged', async () => {
  const other = new (class extends ScriptedBackend {
    override readonly name: string = 'other';
  })([{ name: 'there', cpus: 1 }]);
  await using engine = await testEngine({ cpus: 1, more: [other] });
  const { backend, shell } = engine;
  const run = await engine.start({ first: {}, second: {}, elsewhere: { backend: 'other' } });
  expect(engine.running()).toEqual(['first']);

  // It got as far as the door: the attempt never began.
  const attempt = backend.live.get('first')?.attempt;
  if (attempt === undefined) throw new Error('nothing runs');
  backend.live.delete('first');
  backend.context.report({ kind: 'access', needs: NEEDS });
  backend.context.report({ kind: 'access', needs: NEEDS });
  backend.context.report({ kind: 'gone', attempt, why: NEEDS.why, neverStarted: true });
  await settled();
  other.end('elsewhere');
  await settled();
  await engine.clock.pass(60 * 60_000);

  expect(engine.running()).toEqual([]);
  expect(engine.states(run)).toEqual({
    first: 'pending (login)',
    second: 'pending (login)',
    elsewhere: 'done',
  });
  expect(shell.why(run, 0)).toMatchObject({ job: { charged: 0, losses: 0 }, login: NEEDS });
  expect(noticesOf(engine.events)).toEqual([
    'scripted needs login: it wants a password; in a terminal: ssh login.example.org',
  ]);

  backend.context.report({ kind: 'access' });
  await settled();
  backend.end('first');
  await settled();
  backend.end('second');
  await settled();

  expect(engine.states(run)).toEqual({ first: 'done', second: 'done', elsewhere: 'done' });
  expect(shell.job(run, 0)).toMatchObject({ charged: 0, losses: 0 });
  expect(noticesOf(engine.events).slice(1)).toEqual(['scripted lets us in again']);
});

test('what runs while its target wants its user goes on, and its end counts', async () => {
  await using engine = await testEngine({ cpus: 1 });
  const run = await engine.start({ running: {}, next: {} });

  engine.backend.context.report({ kind: 'access', needs: NEEDS });
  await settled();
  engine.backend.end('running');
  await settled();

  expect(engine.states(run)).toEqual({ running: 'done', next: 'pending (login)' });
});

function noticesOf(events: readonly { readonly kind: string }[]): readonly string[] {
  return events.flatMap((event) =>
    'code' in event && event.code === 'login' && 'message' in event ? [String(event.message)] : [],
  );
}

test('who begins to listen is told what waits for a person, and nothing that is mended', async () => {
  await using engine = await testEngine({ cpus: 1 });
  engine.backend.context.report({ kind: 'access', needs: NEEDS });
  await settled();

  const late: EngineEvent[] = [];
  engine.shell.listen((events) => late.push(...events));
  engine.backend.context.report({ kind: 'access' });
  await settled();
  const later: EngineEvent[] = [];
  engine.shell.listen((events) => later.push(...events));

  expect(noticesOf(late)).toEqual([
    'scripted needs login: it wants a password; in a terminal: ssh login.example.org',
    'scripted lets us in again',
  ]);
  expect(later).toEqual([]);
});
