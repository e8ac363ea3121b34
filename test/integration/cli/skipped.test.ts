import { expect, test } from 'vitest';
import { Sandbox } from './harness.ts';

const FLOW = `
import { command, is, json, sh, when, workflow } from 'heddle';
const make = command('make', { run: (p) => sh\`echo \${p.x} > v.json\`, outputs: { v: json('v.json') } });
export default workflow('skips', () => {
  const first = make({ x: 3 });
  const maybe = when(is(first.v, '>', 5), () => make({ x: first.v }).v);
  return make({ x: maybe }).named('last');
});
`;

test('what no branch chose is shown as skipped, apart from the jobs', async () => {
  await using sandbox = new Sandbox();
  const file = sandbox.write('flow.mjs', FLOW);

  const run = await sandbox.start(['run', file]).ended;
  const [listed] = JSON.parse((await sandbox.start(['runs', '--json']).ended).stdout) as [
    { run: string; counts: object },
  ];
  const shown = await sandbox.start(['show']).ended;
  const graph = await sandbox.start(['graph', listed.run]).ended;
  const last = JSON.parse((await sandbox.start(['show', '/last', '--json']).ended).stdout) as object;

  expect(run.code).toBe(0);
  expect(run.stderr).toContain('1 done, 3 skipped');
  expect(listed.counts).toMatchObject({ done: 1, skipped: 3, created: 0, pending: 0 });
  expect(shown.stdout).toContain('1 done, 3 skipped');
  expect(graph.stdout).toContain('last [skipped]');
  expect(last).toMatchObject({ job: 'last', skipped: true });
});
