// One job after two others, submitted last first.
import { AfterOthers, Engine, ProcessJob } from 'heddle';

const add = (a: number, b: number): number => {
  console.log(`add(${a}, ${b})`);
  return a + b;
};

await using engine = await Engine.open();
const job1 = new ProcessJob(add, [1, 2]);
const job2 = new ProcessJob(add, [3, 4]);
const job3 = new ProcessJob(add, [5, 6], { condition: new AfterOthers([job1.id, job2.id]) });
engine.submit(job3, job2, job1);
await engine.wait();
const order = [job3, job2, job1].toSorted((a, b) => a.startedAt - b.startedAt);
console.log(order.at(-1) === job3, Math.max(job1.endedAt, job2.endedAt) <= job3.startedAt);
console.log((await job3.stdout()).trim());
