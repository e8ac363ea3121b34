import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fileLines, runIdOf, Sandbox } from './harness.ts';

/**
 * A map over a list that only its run knows, of a command and a call an element. Each body leaves a line when it begins;
 * behind the fourth element all wait until a gate is open.
 */
const FLOW = `
import { appendFileSync } from 'node:fs';
import { attemptContext, command, json, map, project, sh, task, workflow } from 'heddle';
const list = command('list', { run: () => sh\`echo '[7,6,5,4,3,2,1]' > l.json\`, outputs: { l: json('l.json') } });
const each = command('each', {
  run: (p) => sh\`echo "$HEDDLE_JOB_ID" start >> \${project}/ledger
while [ \${p.x} -lt 4 ] && [ ! -e \${project}/gate ]; do sleep 0.02; done
echo \${p.x}0 > v.json; echo "$HEDDLE_JOB_ID" end >> \${project}/ledger\`,
  outputs: { v: json('v.json') },
});
export const more = task('more', (x, at) => {
  appendFileSync(process.env.LEDGER, attemptContext().job + ' start\\n');
  return x + at;
}, { environment: { LEDGER: process.env.LEDGER } });
const all = command('all', { run: (p) => sh\`echo \${{ xs: p.xs }} > a.json\`, outputs: { a: json('a.json') } });
export default workflow('killed', () => all({ xs: map(list().l, (x, at) => more(each({ x }).v, at)) }).a);
`;

interface Job {
  readonly job: string;
  readonly status: string;
}

test('a map known at run time, its run killed in the midst, ends when resumed as one that was not', async () => {
  const values = async (box: Sandbox, run: string): Promise<unknown> =>
    (await box.json<{ value: { outputs: { a: { value: unknown } } } }>(['show', `${run}/all-1`])).value.outputs.a.value;
  await using calm = new Sandbox();
  calm.write('flow.mjs', FLOW);
  calm.write('gate', '');
  const calmEnv = { LEDGER: join(calm.folder, 'ledger') };
  const undisturbed = JSON.parse(
    (await calm.run(['run', 'flow.mjs', '--json', '--jobs', '2'], { env: calmEnv })).stdout,
  ) as { run: string; counts: object };

  await using box = new Sandbox();
  box.write('flow.mjs', FLOW);
  const ledger = join(box.folder, 'ledger');
  const env = { LEDGER: ledger };
  const first = box.start(['run', 'flow.mjs', '--jobs', '2'], { env });
  const run = await runIdOf(first);
  // The fifth element can have begun only behind a commit that holds an end: two run at a time, two more lie ready.
  let lines: readonly string[] = [];
  while (lines.filter((line) => line.endsWith('each-1 start')).length < 5)
    lines = await fileLines(ledger, lines.length + 1);
  first.process.kill('SIGKILL');
  await once(first.process, 'exit');
  const killed = await box.json<{ jobs: readonly Job[] }>(['show', run, '--all']);
  box.write('gate', '');
  const resumed = await box.run(['resume', run, '--json'], { env });

  expect(resumed).toMatchObject({ code: 0 });
  expect(JSON.parse(resumed.stdout)).toMatchObject({ run, status: 'done', counts: undisturbed.counts });
  const end = await values(box, run);
  expect(end).toEqual({ xs: [70, 61, 52, 43, 34, 25, 16] });
  expect(end).toEqual(await values(calm, undisturbed.run));
  const committed = killed.jobs.filter(({ job, status }) => status === 'done' && /^map-1\/\d+\//.test(job));
  expect(committed.length).toBeGreaterThan(0);
  const starts = readFileSync(ledger, 'utf8')
    .split('\n')
    .filter((line) => line.endsWith(' start'));
  for (const { job } of committed) expect(starts.filter((line) => line === `${job} start`)).toHaveLength(1);
});
