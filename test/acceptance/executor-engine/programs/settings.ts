// One job at a time, and no traceback in the log: the error can be read all the same.
import { Engine, ProcessJob } from 'heddle';

const add = (a: number, b: number): number => a + b;
const raise = (): never => {
  throw new Error('error');
};

await using engine = await Engine.open({ maxJobs: 1, logTracebacks: false });
const log: string[] = [];
engine.logs.add((line) => log.push(line));
const job1 = new ProcessJob(add, [1, 2]);
const job2 = new ProcessJob(raise);
engine.submit(job1, job2);
await engine.wait();
console.log(await job1.result());
console.log(String(job2.exception()));
console.log(log.join('\n').includes('at raise'));
console.log(job1.endedAt <= job2.startedAt);
