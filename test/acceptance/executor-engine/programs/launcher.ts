// A function that launches itself: called, it gives its value; submitted, a job.
import { Engine, launcher } from 'heddle';

const add = launcher((a: number, b: number): number => a + b, { backend: 'processes', name: 'add' });

await using engine = await Engine.open();
await engine.scope(async () => {
  const job = add.submit(1, 2);
  await job.wait();
  console.log(await job.result());
  console.log(await add(1, 2));
});
