// Any of two conditions: only the fast one's side effect is there when the third body looks.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { AfterAnother, AnySatisfied, Engine, LocalJob } from 'heddle';

const seen = new Set<number>();

await using engine = await Engine.open();
const job1 = new LocalJob(() => void seen.add(1));
const job2 = new LocalJob(async () => {
  await sleep(1000);
  seen.add(2);
});
const job3 = new LocalJob(() => assert.equal(seen.size, 1), [], {
  condition: new AnySatisfied([new AfterAnother(job1), new AfterAnother(job2)]),
});
engine.submit(job3, job2, job1);
await engine.wait();
console.log(job3.status, seen.size);
