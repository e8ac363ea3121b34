import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AttemptOrder, quoteWord, type RecoverAnswer } from '../model/index.ts';
import { type BackendCase, bare, shell } from './backend-case.ts';
import { type BackendFixture, BackendRig } from './backend-rig.ts';

/** What the engine after the one that was killed is told. */
export const crashCases: readonly BackendCase[] = [
  bare(
    'is found again by who comes after: adopted, collected, or never begun',
    ['commands', 'successor'],
    isFoundAgain,
  ),
];

/**
 * An engine stops in its tracks, and another takes over: of one attempt the end had been told, one ended while nobody
 * listened, one runs, and one was written down but never launched. Each body runs once, the last one never.
 */
async function isFoundAgain(rig: BackendRig, fixture: BackendFixture): Promise<void> {
  const { directory } = fixture;
  const ledger = join(directory, 'ledger');
  writeFileSync(ledger, '', { mode: 0o666 });
  const sign = (name: string): string => join(directory, `go ${name}`);
  const body = (name: string, code: number): AttemptOrder => {
    const [go, book] = [sign(name), ledger].map(quoteWord);
    return rig.order(shell(`echo ${name} >>${book}; while [ ! -e ${go} ]; do sleep 0.05; done; exit ${code}`));
  };
  const orders = { over: body('over', 3), unheard: body('unheard', 4), runs: body('runs', 5), never: body('never', 6) };
  const go = (name: keyof typeof orders): void => writeFileSync(sign(name), '');
  const begun = (): readonly string[] => readFileSync(ledger, 'utf8').trim().split('\n').toSorted();
  try {
    go('over');
    await rig.launch([orders.over, orders.unheard, orders.runs]);
    await rig.end(orders.over);
    await rig.until(() => begun().length === 3 || undefined, 'not all began');
    await rig.giveUp();
    go('unheard');
    await takesOver(fixture, orders, go);
  } finally {
    go('runs');
  }
  assert.deepEqual(begun(), ['over', 'runs', 'unheard'], 'each body begins once, and the last one never');
}

async function takesOver(
  fixture: BackendFixture,
  { over, unheard, runs, never }: Readonly<Record<'over' | 'unheard' | 'runs' | 'never', AttemptOrder>>,
  go: (name: 'runs' | 'never') => void,
): Promise<void> {
  const { successor } = fixture;
  assert.ok(successor, 'a fixture with the trait gives a successor');
  await using next = await BackendRig.open({ ...fixture, backend: successor() });
  assert.equal((await known(next, runs)).kind, 'running');
  assert.equal((await known(next, never)).kind, 'gone');
  const ends = [await next.settle(over), await next.settle(unheard)];
  go('runs');
  ends.push(await next.end(runs));
  assert.deepEqual(
    ends.map((end) => end.kind === 'ended' && end.outcome.kind === 'exit' && end.outcome.code),
    [3, 4, 5],
  );
  // What the first engine may still have been about to do comes too late: however it is told, the body never begins.
  go('never');
  const [late] = await next.launch([never]);
  if (late?.kind !== 'refused') await next.settle(never);
}

const ASK_MS = 100;
const GIVE_UP_MS = 60_000;

/** What is known of an attempt, once it is. */
async function known(rig: BackendRig, order: AttemptOrder): Promise<Exclude<RecoverAnswer, { kind: 'unknown' }>> {
  let said: RecoverAnswer | undefined;
  for (let waited = 0; waited < GIVE_UP_MS; waited += ASK_MS) {
    said = await rig.recover(order);
    if (said !== undefined && said.kind !== 'unknown') return said;
    await rig.pause(ASK_MS);
  }
  throw new Error(`${order.job} stays unknown: ${said?.kind === 'unknown' ? said.why : 'no answer'}`);
}
