/**
 * One process of the restart row: `node restart.entry.ts MODE DIRECTORY`.
 *
 * begin:  runs a million no-ops, noting each job it is told is done in a ledger outside the store; says `half` when
 *         half of them are, and goes on until it is killed.
 * look:   notes which jobs the store says are done.
 * resume: takes the run over; says when the first job starts, goes on to the end, and notes which jobs it started.
 */
import { openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Engine } from '../src/index.ts';
import { openStoreAt } from '../src/jobs/index.ts';
import { noops } from './graphs.ts';

const JOBS = 1_000_000;
const EDGES = 3;

const [mode, directory = ''] = process.argv.slice(2);
const store = join(directory, 'store');

async function begin(): Promise<void> {
  await using engine = await Engine.open({ store });
  const ledger = openSync(join(directory, 'told'), 'w');
  let done = 0;
  engine.listen((events) => {
    const told = new Uint32Array(events.length);
    let count = 0;
    for (const event of events) {
      if (event.kind !== 'job' || event.status !== 'done') continue;
      told[count] = event.index;
      count += 1;
    }
    writeSync(ledger, new Uint8Array(told.buffer, 0, count * 4));
    if (done < JOBS / 2 && done + count >= JOBS / 2) console.log('half');
    done += count;
  });
  const run = await engine.run(noops(JOBS, EDGES), { id: 'r-restart' });
  await run.wait();
}

async function look(): Promise<void> {
  await using opened = await openStoreAt(store);
  const done = new Uint8Array(JOBS);
  for (const row of await opened.runs({})) {
    for await (const rows of opened.jobs(row.id))
      for (const { job, status } of rows) if (status === 'done') done[job] = 1;
  }
  writeFileSync(join(directory, 'done'), done);
}

async function resume(): Promise<void> {
  await using engine = await Engine.open({ store });
  const started = new Uint8Array(JOBS);
  let isFirst = true;
  engine.listen((events) => {
    for (const event of events) {
      if (event.kind !== 'job' || event.status !== 'running') continue;
      if (isFirst) console.log(`first ${performance.timeOrigin + performance.now()}`);
      isFirst = false;
      started[event.index] = 1;
    }
  });
  const run = await engine.resume('r-restart');
  const view = await run.wait();
  writeFileSync(join(directory, 'started'), started);
  console.log(`end ${view.status} ${view.counts.done}`);
}

switch (mode) {
  case 'begin':
    await begin();
    break;
  case 'look':
    await look();
    break;
  case 'resume':
    await resume();
    break;
  default:
    throw new Error(`no mode ${mode}`);
}
