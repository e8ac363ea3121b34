// All of two conditions: both side effects are there when the third body looks.
import assert from 'node:assert/strict';
import { AfterAnother, AllSatisfied, Engine, LocalJob } from 'heddle';

const seen = new Set<number>();

const job1 = new LocalJob(() => void seen.add(1));
const job2 = new LocalJob(() => void seen.add(2));
const job3 = new LocalJob(() => assert.equal(seen.size, 2), [], {
  condition: new AllSatisfied([new AfterAnother(job1), new AfterAnother(job2)]),
});

await using engine = await Engine.open();
engine.submit(job3, job2, job1);
await engine.wait();
console.log(job3.status, seen.size);
