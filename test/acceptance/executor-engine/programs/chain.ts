// Basic usage: a chain of three jobs, each taking the value of the one before, in three kinds of places.
import { Engine, LocalJob, ProcessJob, ThreadJob } from 'heddle';

const add = (a: number, b: number): number => a + b;

await using engine = await Engine.open();
const job1 = new LocalJob(add, [1, 2]);
const job2 = new ThreadJob(add, [job1, 4]);
const job3 = new ProcessJob(add, [job2, 5]);
engine.submit(job1, job2, job3);
await engine.wait();
console.log(await job1.result());
console.log(await job2.result());
console.log(await job3.result());
