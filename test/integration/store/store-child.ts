/**
 * Another process on a store: `node store-child.ts MODE DIRECTORY RUN [N] [LEDGER]`.
 *
 * write: claims the run, then N commits of ten rows each, all bearing the commit's number; what is acknowledged goes
 *        to the ledger, a file outside the store, one number a line.
 * hold:  claims the run and waits to be killed.
 * claim: says what a claim answers.
 * leave: writes on a thread, and closes the store while it still gives the run up; says so when that is done.
 */
import { appendFileSync } from 'node:fs';
import { asRunId, type RunId, type Store } from '../../../src/model/index.ts';
import { systemClock, systemRandom } from '../../../src/process/index.ts';
import { openStore } from '../../../src/store/index.ts';
import { numberedCommit } from './numbered-commits.ts';

const [mode, directory = '', name = '', count = '0', ledger = ''] = process.argv.slice(2);
const run = asRunId(name);

async function claimed(store: Store, id: RunId): Promise<number> {
  const answer = await store.claimRun(id);
  if (answer.kind !== 'claimed') throw new Error(`claim of ${id}: ${JSON.stringify(answer)}`);
  return answer.epoch;
}

async function write(store: Store): Promise<void> {
  const epoch = await claimed(store, run);
  const seq = (await store.run(run))?.seq ?? 0;
  for (let i = 0; i < Number(count); i += 1) {
    const number = seq / 10 + i + 1;
    await store.commit([numberedCommit(store, run, { epoch, number })]);
    if (ledger !== '') appendFileSync(ledger, `${number}\n`);
  }
}

const writer = mode === 'leave' ? 'thread' : 'auto';
await using store = await openStore(directory, { clock: systemClock, random: systemRandom, writer });
switch (mode) {
  case 'write':
    await write(store);
    break;
  case 'hold':
    await claimed(store, run);
    console.log('held');
    await new Promise((resolve) => setTimeout(resolve, 3_600_000));
    break;
  case 'claim':
    console.log(JSON.stringify(await store.claimRun(run)));
    break;
  case 'leave': {
    const leaving = store.releaseRun(run, await claimed(store, run));
    await store[Symbol.asyncDispose]();
    await leaving;
    console.log('left');
    break;
  }
  default:
    throw new Error(`no mode ${mode}`);
}
