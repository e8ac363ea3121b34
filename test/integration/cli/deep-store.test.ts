import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { WAITS } from './flows.ts';
import { runIdOf, Sandbox } from './harness.ts';

test('a run in a store too deep for a socket is steered from a second process like any other', async () => {
  await using box = new Sandbox();
  box.write('flow.js', WAITS);
  const store = join(box.folder, ...Array.from({ length: 3 }, () => 'd'.repeat(100)), 'store');
  const at = ['--store', store] as const;
  const run = box.start(['run', 'flow.js', '-p', 'n=2', '-p', 'ms=60000', '--jobs', '1', '--json', ...at]);
  const id = await runIdOf(run);

  const [socket = ''] = readdirSync(join(store, 'owners')).filter((name) => name.endsWith('.sock'));
  expect(lstatSync(join(store, 'owners', socket)).isSymbolicLink()).toBe(true);
  expect((await box.run(['hold', `${id}/end`, ...at])).code).toBe(0);
  const why = await box.run(['why', `${id}/end`, ...at]);
  const cancelled = await box.run(['cancel', id, ...at]);
  const ended = await run.ended;

  expect(why.stdout).toContain('end is pending (held)');
  expect(cancelled.code).toBe(0);
  expect(ended.code).toBe(1);
  expect(readdirSync(join(store, 'owners'))).toEqual([]);
});
