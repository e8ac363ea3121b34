// Not before a point in time, and once.
import { AfterTimepoint, Engine, ProcessJob } from 'heddle';

const printHello = (): void => console.log('Hello');

await using engine = await Engine.open();
const afterFiveSeconds = new Date(Date.now() + 5000);
const job = new ProcessJob(printHello, [], { condition: new AfterTimepoint(afterFiveSeconds) });
engine.submit(job);
console.log(job.status);
await engine.wait();
process.stdout.write(await job.stdout());
console.log(job.startedAt > afterFiveSeconds.getTime(), job.attempts);
