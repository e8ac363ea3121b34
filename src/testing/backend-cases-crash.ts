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
  const { directory, successor } = fixture;
  assert.ok(successor, 'a fixture with the trait gives a successor');
  const ledger = join(directory, 'ledger');
  writeFileSync(ledger, '', { mode: 0o666 });
  const sign = (name: string): string => join(directory, name);
  const body = (name: string, code: number): AttemptOrder => {
    const [go, book] = [sign(`go ${name}`), ledger].map(quoteWord);
    return rig.order(shell(`echo ${name} >>${book}; while [ ! -e ${go} ]; do sleep 0.05; done; exit ${code}`));
  };
  const [over, unheard, runs, never] = [body('over', 3), body('unheard', 4), body('runs', 5), body('never', 6)];
  writeFileSync(sign('go over'), '');
  await rig.launch([over, unheard, runs]);
  await rig.end(over);
  for (const name of ['unheard', 'runs'])
    await rig.until(() => readFileSync(ledger, 'utf8').includes(name) || undefined, `${name} never began`);

  rig.stop();
  writeFileSync(sign('go unheard'), '');
  await using next = await BackendRig.open({ ...fixture, backend: successor() });
  const adopted = await known(next, runs);
  const unlaunched = await known(next, never);
  const ends = [await next.settle(over), await next.settle(unheard)];
  writeFileSync(sign('go runs'), '');
  const last = await next.end(runs);
  // What the first engine may still have been about to do comes too late.
  writeFileSync(sign('go never'), '');
  const [late] = await next.launch([never]);
  if (late?.kind !== 'refused') assert.deepEqual(await next.settle(never), { kind: 'gone' });

  assert.equal(adopted.kind, 'running');
  assert.equal(unlaunched.kind, 'gone');
  assert.deepEqual(
    [...ends, last].map((end) => end.kind === 'ended' && end.outcome.kind === 'exit' && end.outcome.code),
    [3, 4, 5],
  );
  const begun = readFileSync(ledger, 'utf8').trim().split('\n');
  assert.deepEqual(begun.toSorted(), ['over', 'runs', 'unheard'], 'each body began once, and the last one never');
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
