// A sink of one's own, with a format and a filter.
import { Engine, LocalJob } from 'heddle';

await using engine = await Engine.open();
const lines: string[] = [];
engine.logs.add((line) => lines.push(line), {
  level: 'error',
  format: ({ level, message }) => `<${level}> ${message}`,
  filter: ({ message }) => message.includes('boom'),
});
engine.submit(
  new LocalJob(() => {
    throw new Error('boom');
  }),
  new LocalJob(() => {
    throw new Error('quiet');
  }),
);
await engine.wait();
console.log(lines.length, lines[0]?.startsWith('<error> '), lines[0]?.includes('boom'));
