// With asyncio: submit, then join; nothing is started or stopped by hand.
import { Engine, ProcessJob } from 'heddle';

const add = (a: number, b: number): number => a + b;

await using engine = await Engine.open();
const job1 = new ProcessJob(add, [1, 2]);
const job2 = new ProcessJob(add, [job1, 4]);
engine.submit(job1, job2);
await engine.join([job1, job2]);
console.log(await job1.result());
console.log(await job2.result());
