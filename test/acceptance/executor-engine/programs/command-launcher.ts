// A launcher over a command template.
import { commandTemplate, Engine, launcher } from 'heddle';

const commandAdd = launcher(commandTemplate((p: { a: number; b: number }) => `node -e 'console.log(${p.a} + ${p.b})'`));

await using engine = await Engine.open();
await engine.scope(async () => {
  const job = commandAdd.submit({ a: 1, b: 2 });
  await job.wait();
  process.stdout.write(await job.stdout());
  console.log(await job.result());
});
