// Open, submit, wait for the job, close; and the same in a scope.
import { Engine, ProcessJob } from 'heddle';

const add = (a: number, b: number): number => a + b;

const engine = await Engine.open();
const job1 = new ProcessJob(add, [1, 2]);
engine.submit(job1);
await job1.wait();
console.log(await job1.result());
await engine[Symbol.asyncDispose]();

{
  await using scoped = await Engine.open();
  console.log(await scoped.execute(new ProcessJob(add, [1, 2])));
}
