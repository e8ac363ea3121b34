import { expect, test } from 'vitest';
import { type Backend, customBackend, Engine, task, workflow } from '../../../src/index.ts';

/** "Adding a backend without touching existing code": one that is registered from outside is selected by its name. */

const hello = task('hello', (name: string) => `hello ${name}`);

function recording(name: string, seen: string[]): Backend {
  return customBackend({
    name,
    executeTask: async (given) => {
      seen.push(`${name} ${given.job}`);
      return given.execute();
    },
  });
}

test('by its name for a run, for one task, and never otherwise', async () => {
  const seen: string[] = [];
  await using engine = await Engine.open({ backends: [recording('cluster', seen), recording('cloud', seen)] });
  const flow = workflow('flow', () => [hello('a'), hello.on('cloud')('b')]);

  expect(await (await engine.run(flow, { backend: 'inline' })).result()).toEqual(['hello a', 'hello b']);
  expect(seen.splice(0)).toEqual(['cloud hello-2']);
  expect(await (await engine.run(flow, { backend: 'cluster' })).result()).toEqual(['hello a', 'hello b']);
  expect(seen.toSorted()).toEqual(['cloud hello-2', 'cluster hello-1']);
});

test('a name that nobody has is refused, with those there are', async () => {
  await using engine = await Engine.open({ backends: [recording('cluster', [])] });

  await expect(engine.run(workflow('flow', () => hello.on('clster')('a')))).rejects.toMatchObject({
    code: 'BACKEND_UNKNOWN',
  });
});
