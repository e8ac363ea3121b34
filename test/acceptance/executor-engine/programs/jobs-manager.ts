// The jobs of an engine by id and by status.
import { Engine, ProcessJob } from 'heddle';

const add = (a: number, b: number): number => a + b;

await using engine = await Engine.open();
const job1 = new ProcessJob(add, [1, 2]);
engine.submit(job1);
console.log(engine.jobs.get(job1.id) === job1);
const job2 = new ProcessJob(add, [3, 4]);
engine.submit(job2);
console.log(engine.jobs.size, job2.status);
await engine.wait();
console.log([...engine.jobs.byStatus('done')].length);
for (const job of engine.jobs.byStatus('done')) console.log(await job.result());
