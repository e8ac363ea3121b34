import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Sandbox } from './harness.ts';

/** The element 2 fails until somebody has mended something; each execution leaves a line. */
const FLOW = `
import { command, json, map, project, sh, workflow } from 'heddle';
const list = command('list', { run: () => sh\`echo '[1,2,3]' > l.json\`, outputs: { l: json('l.json') } });
const each = command('each', {
  run: (p) => sh\`echo \${p.x} >> \${project}/ledger; test \${p.x} != 2 || test -e \${project}/mended; echo \${p.x}0 > v.json\`,
  outputs: { v: json('v.json') },
});
const sum = command('sum', { run: (p) => sh\`echo \${{ xs: p.xs }} > s.json\`, outputs: { s: json('s.json') } });
export default workflow('mended', () => sum({ xs: map(list().l, (x) => each({ x }).v) }).s);
`;

test('retry of a map runs the failed element again, what gathers it and what needs that; nothing else', async () => {
  await using sandbox = new Sandbox();
  const file = sandbox.write('flow.mjs', FLOW);

  const run = await sandbox.start(['run', file]).ended;
  const [listed] = JSON.parse((await sandbox.start(['runs', '--json']).ended).stdout) as [{ run: string }];
  sandbox.write('mended', '');
  const retried = await sandbox.start(['retry', listed.run]).ended;

  expect(run.code).toBe(1);
  expect(run.stderr).toContain('2 failed');
  expect(retried.code).toBe(0);
  expect(retried.stderr).toContain('7 done');
  const ledger = readFileSync(join(sandbox.folder, 'ledger'), 'utf8').trim().split('\n');
  expect(ledger.toSorted()).toEqual(['1', '2', '2', '3']);
});
