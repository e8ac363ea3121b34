import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Backend, Phase, ResolvedWork } from '../model/index.ts';
import { PHASES } from '../model/index.ts';
import { type BackendCase, type BackendTrait, bare, onABadDay, shell } from './backend-case.ts';
import { badDayCallBodies, callBodies } from './backend-cases-calls.ts';
import { commandCases } from './backend-cases-commands.ts';
import { crashCases } from './backend-cases-crash.ts';
import type { BackendRig } from './backend-rig.ts';

/** The cases that apply to a backend with these traits. */
export function backendCasesFor(traits: readonly BackendTrait[]): readonly BackendCase[] {
  return backendCases.filter(({ needs }) => needs.every((need) => traits.includes(need)));
}

/** The traits a backend has by its own word. */
export function traitsOf(backend: Backend): readonly BackendTrait[] {
  const { capabilities } = backend;
  const said = (['commands', 'calls', 'recoverable'] as const).filter((trait) => capabilities[trait]);
  return backend.pull === undefined ? said : [...said, 'streams'];
}

const noop: ResolvedWork = { kind: 'call', call: { kind: 'builtin', name: 'noop' }, args: [] };

function wait(ms: number): ResolvedWork {
  return { kind: 'call', call: { kind: 'builtin', name: 'wait' }, args: [ms] };
}

/** What the contract `Backend` promises, case by case. Run by any test runner; only node:assert is used. */
export const backendCases: readonly BackendCase[] = [
  bare('opens with places that hold something', [], async (rig) => {
    assert.ok(rig.places.length > 0);
    for (const place of rig.places) {
      assert.notEqual(place.name, '');
      assert.ok(place.cpus > 0, `${place.name} has ${place.cpus} cpus`);
    }
    assert.equal(new Set(rig.places.map(({ name }) => name)).size, rig.places.length, 'names of places are unique');
  }),

  bare('answers one for one, and ends each call once', ['calls'], (rig) => endsEachOnce(rig, [noop, wait(5), noop])),

  bare('answers one for one, and ends each command once', ['commands'], (rig) =>
    endsEachOnce(rig, [shell('true'), shell('echo said; sleep 0.1'), shell('cd / && true')]),
  ),

  bare('tells exit codes, signals and missing outputs apart', ['commands', 'recoverable'], async (rig) => {
    const orders = [
      rig.order(shell('exit 3')),
      rig.order(shell('kill -KILL $$')),
      rig.order(shell('true', [{ name: 'out', path: 'out.txt', type: 'file' }])),
      rig.order(shell('exit 137')),
    ];
    await rig.launch(orders);

    const ends = await Promise.all(orders.map((order) => rig.end(order)));

    const kinds = ends.map((end) => (end.kind === 'ended' ? end.outcome.kind : end.kind));
    assert.deepEqual(kinds, ['exit', 'signal', 'output-missing', 'exit']);
  }),

  bare('gives declared outputs as the value', ['commands', 'recoverable'], async (rig) => {
    const order = rig.order(shell(`echo '[1, 2]' > out.json`, [{ name: 'out', path: 'out.json', type: 'json' }]));
    await rig.launch([order]);

    const end = await rig.end(order);

    assert.ok(end.kind === 'ended' && end.outcome.kind === 'ok' && end.outcome.value?.codec === 'json');
    const value = JSON.parse(end.outcome.value.json) as { outputs: Record<string, { value: unknown }> };
    assert.deepEqual(value.outputs['out']?.value, [1, 2]);
  }),

  bare('tells a command who it is', ['commands', 'recoverable'], async (rig) => {
    const who = { name: 'who', path: 'who', type: 'text' } as const;
    const said = 'echo "$HEDDLE_RUN_ID $HEDDLE_JOB_ID $HEDDLE_ATTEMPT" > who; test -n "$project"';
    const order = rig.order(shell(said, [who]));
    await rig.launch([order]);

    const end = await rig.end(order);

    assert.ok(end.kind === 'ended' && end.outcome.kind === 'ok', JSON.stringify(end));
    assert.equal(
      readFileSync(join(order.directory, 'who'), 'utf8'),
      `${order.run} ${order.job} ${order.attempt}\n`,
      'what it left is in its directory here',
    );
  }),

  bare('refuses for good what it cannot run', [], async (rig) => {
    const { commands, calls } = rig.backend.capabilities;
    const foreign = [...(commands ? [] : [shell('true')]), ...(calls ? [] : [noop])].map((work) => rig.order(work));

    for (const answer of await rig.launch(foreign)) {
      assert.ok(answer.kind === 'refused' && !answer.retryable, JSON.stringify(answer));
    }
  }),

  bare('ends what is cancelled, once', ['calls'], (rig) => endsWhatIsCancelled(rig, wait(60_000))),

  bare('ends a command that is cancelled, once', ['commands', 'recoverable'], (rig) =>
    endsWhatIsCancelled(rig, shell(`trap '' TERM; while :; do sleep 0.1; done`)),
  ),

  bare('does nothing about a cancel that comes too late or means nobody', ['calls'], (rig) =>
    ignoresLateCancels(rig, noop),
  ),

  bare('does nothing about a late cancel of a command', ['commands', 'recoverable'], (rig) =>
    ignoresLateCancels(rig, shell('true')),
  ),

  bare('knows nothing of an attempt that never was', [], async (rig) => {
    const answer = await rig.recover(rig.order(rig.backend.capabilities.commands ? shell('true') : noop));

    assert.equal(answer?.kind, 'gone');
    rig.backend.release([rig.order(noop).attempt]);
  }),

  bare('says what runs, and what has ended until it is released', ['commands', 'recoverable'], async (rig, fixture) => {
    const go = join(fixture.directory, 'go');
    const order = rig.order(shell(`while [ ! -e '${go}' ]; do sleep 0.02; done; exit 5`));
    await rig.launch([order]);

    const during = await rig.recover(order);
    await rig.launch([rig.order(shell(`touch '${go}'`))]);
    await rig.end(order);
    const after = await rig.settle(order);

    assert.equal(during?.kind, 'running');
    assert.ok(after.kind === 'ended' && after.outcome.kind === 'exit' && after.outcome.code === 5);
    rig.backend.release([order.attempt]);
  }),

  ...commandCases,
  ...crashCases,

  ...callBodies.map(({ name, body, streams }) => bare(name, streams === true ? ['calls', 'streams'] : ['calls'], body)),

  ...badDayCallBodies.map(({ name, body }) =>
    onABadDay(name, ['calls'], async (rig) => {
      await body(rig);
      contradictsNothing(rig);
    }),
  ),

  bare('is disposed of twice without harm', [], async (rig) => {
    await rig.backend[Symbol.asyncDispose]();
    await rig.backend[Symbol.asyncDispose]();
  }),

  onABadDay('ends many commands as they end', ['commands', 'recoverable'], async (rig, fixture) => {
    const ledger = join(fixture.directory, 'ledger');
    const orders = Array.from({ length: 12 }, (_, n) => rig.order(shell(`echo ${n} >> '${ledger}'; exit ${n % 3}`)));
    await rig.launch(orders);

    const ends = await Promise.all(orders.map((order) => rig.settle(order)));

    const codes = ends.map(
      (end) => end.kind === 'ended' && (end.outcome.kind === 'exit' ? end.outcome.code : end.outcome.kind),
    );
    assert.deepEqual(
      codes,
      orders.map((_, n) => [0, 1, 2][n % 3] || 'ok'),
    );
    const ran = readFileSync(ledger, 'utf8').trim().split('\n').map(Number);
    assert.deepEqual(
      ran.toSorted((a, b) => a - b),
      [...orders.keys()],
      'each body ran once',
    );
    contradictsNothing(rig);
  }),

  onABadDay('ends what is cancelled', ['commands', 'recoverable'], async (rig, fixture) => {
    const sign = (n: number, what: string): string => join(fixture.directory, `${what}-${n}`);
    const orders = Array.from({ length: 6 }, (_, n) =>
      rig.order(shell(`touch '${sign(n, 'started')}'; sleep 60; touch '${sign(n, 'survived')}'`)),
    );
    await rig.launch(orders);
    for (const [n, order] of orders.entries()) {
      if (n % 2 === 0) await rig.until(() => existsSync(sign(n, 'started')) || undefined, 'no start');
      rig.backend.cancel(order.attempt, 300);
    }

    const ends = await Promise.all(orders.map((order) => rig.settle(order)));

    for (const end of ends) assert.ok(end.kind === 'ended' && end.outcome.kind !== 'ok', JSON.stringify(end));
    assert.ok(orders.every((_, n) => !existsSync(sign(n, 'survived'))));
    contradictsNothing(rig);
  }),

  onABadDay('ends or gives up every call', ['calls'], async (rig) => {
    const orders = Array.from({ length: 12 }, (_, n) => rig.order(n % 2 === 0 ? noop : wait(10)));
    await rig.launch(orders);

    const ends = await Promise.all(orders.map((order) => rig.settle(order)));

    // What was forgotten may be gone where nothing is kept; nothing ends badly.
    for (const end of ends) assert.ok(end.kind === 'gone' || end.outcome.kind === 'ok', JSON.stringify(end));
    contradictsNothing(rig);
  }),
];

async function endsEachOnce(rig: BackendRig, works: readonly ResolvedWork[]): Promise<void> {
  const orders = works.map((work) => rig.order(work));

  const answers = await rig.launch(orders);
  await Promise.all(orders.map((order) => rig.end(order)));
  await rig.pause(50);

  assert.deepEqual(
    answers.map(({ kind }) => kind),
    orders.map(() => 'accepted'),
  );
  for (const order of orders) {
    const ends = rig.of(order).filter(({ kind }) => kind === 'ended' || kind === 'gone');
    assert.equal(ends.length, 1, `${order.job} ended ${ends.length} times`);
    const end = rig.reported(order);
    assert.ok(end?.kind === 'ended' && end.outcome.kind === 'ok', JSON.stringify(end));
  }
  movesForward(rig);
}

async function endsWhatIsCancelled(rig: BackendRig, work: ResolvedWork): Promise<void> {
  const order = rig.order(work);
  await rig.launch([order]);
  await rig.pause(50);

  rig.backend.cancel(order.attempt, 200);
  rig.backend.cancel(order.attempt, 200);
  const end = await rig.end(order);
  await rig.pause(50);

  assert.ok(end.kind === 'ended' && end.outcome.kind !== 'ok', JSON.stringify(end));
  assert.equal(rig.of(order).filter(({ kind }) => kind === 'ended').length, 1);
  movesForward(rig);
}

async function ignoresLateCancels(rig: BackendRig, work: ResolvedWork): Promise<void> {
  const order = rig.order(work);
  await rig.launch([order]);
  await rig.end(order);
  const before = rig.events.length;

  rig.backend.cancel(order.attempt, 0);
  rig.backend.cancel(rig.order(work).attempt, 0);
  await rig.pause(50);

  assert.equal(rig.events.length, before);
}

/** Phases of an attempt only move forward, and nothing comes after its end. */
function movesForward(rig: BackendRig): void {
  const last = new Map<string, number>();
  for (const event of rig.events) {
    if (!('attempt' in event)) continue;
    const before = last.get(event.attempt) ?? -1;
    const now = event.kind === 'phase' ? PHASES.indexOf(event.phase satisfies Phase) : Number.POSITIVE_INFINITY;
    if (event.kind !== 'heartbeat') {
      assert.ok(now > before, `${event.attempt} reports ${event.kind} after its time`);
      last.set(event.attempt, event.kind === 'unreachable' ? before : now);
    }
  }
}

/** However often an end is reported, it is the same end. */
function contradictsNothing(rig: BackendRig): void {
  const ends = new Map<string, string>();
  for (const event of rig.events) {
    if (event.kind !== 'ended') continue;
    const told = JSON.stringify(event.outcome);
    assert.equal(ends.get(event.attempt) ?? told, told, `${event.attempt} ended in two ways`);
    ends.set(event.attempt, told);
  }
}
