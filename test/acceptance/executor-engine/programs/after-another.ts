// One job after another, whose value it does not take.
import { AfterAnother, Engine, ProcessJob } from 'heddle';

const add = (a: number, b: number): number => {
  console.log(`add(${a}, ${b})`);
  return a + b;
};

await using engine = await Engine.open();
const print = async (_: number, job: { stdout(): Promise<string> }) => process.stdout.write(await job.stdout());
const job1 = new ProcessJob(add, [1, 2], { onDone: print });
const job2 = new ProcessJob(add, [3, 4], { condition: new AfterAnother(job1), onDone: print });
engine.submit(job2, job1);
await engine.wait();
console.log(job1.endedAt <= job2.startedAt);
