import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { expect, test } from 'vitest';
import { importWfFormat } from '../../../src/importers/index.ts';
import { graphNames } from '../../../src/model/index.ts';
import { Sandbox } from '../cli/harness.ts';
import { brokenRules } from './crate-rules.ts';

const FLOW = `import { command, file, input, json, sh, workflow } from 'heddle';
const cut = command('cut', {
  run: (p) => sh\`head -n \${p.lines} \${p.from} > part.txt; echo 'a "b", c'; sleep 0.05\`,
  outputs: { part: file('part.txt') },
});
const count = command('count', {
  run: (p) => sh\`wc -l < \${p.part} > count.json\`,
  outputs: { count: json('count.json', { publish: 'count.json' }) },
});
const flaky = command('flaky', {
  run: () => sh\`test -e ../flag || { : > ../flag; exit 4; }\`,
  retry: { maxAttempts: 2, initialDelay: '10ms' },
});
const broken = command('broken', { run: () => sh\`echo "no, \\"never\\"" >&2; exit 3\` });
export default workflow('flow', (p) => {
  const { count: lines } = count({ part: cut({ from: input('lines.txt'), lines: p.lines }).part });
  flaky();
  broken();
  return { lines };
});`;

async function withRun(): Promise<{ readonly box: Sandbox; readonly run: string }> {
  const box = new Sandbox();
  box.write('package.json', '{}');
  box.write('lines.txt', 'one\ntwo\nthree\n');
  box.write('flow.js', FLOW);
  const ended = await box.run(['run', 'flow.js', '-p', 'lines=2', '--json']);
  expect(ended.code, ended.stderr).toBe(1);
  return { box, run: (JSON.parse(ended.stdout) as { run: string }).run };
}

interface Crate {
  readonly '@context': unknown;
  readonly '@graph': readonly (Readonly<Record<string, unknown>> & { readonly '@id': string })[];
}

test('a run is a Provenance Run Crate, and its folder holds what it says it does', async () => {
  const { box, run } = await withRun();
  await using _ = box;

  const ended = await box.run(['export', run, '--to', 'rocrate', '-o', 'crate', '--agent', 'Ada', '--files', 'all']);

  expect(ended.code, ended.stderr).toBe(0);
  const folder = join(box.folder, 'crate');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    statSync(join(folder, name)).isFile(),
  );
  const crate = JSON.parse(readFileSync(join(folder, 'ro-crate-metadata.json'), 'utf8')) as Crate;
  expect(brokenRules(crate, files)).toEqual([]);
  // The rules would notice.
  const spoilt = crate['@graph'].flatMap(({ instrument, ...entity }) =>
    entity['@id'] === '#tool-0' ? [] : [{ ...entity, ...(entity['@type'] === 'OrganizeAction' ? {} : { instrument }) }],
  );
  expect(brokenRules({ ...crate, '@graph': spoilt }, files).length).toBeGreaterThan(3);
  expect(brokenRules(crate, files.slice(1))).toHaveLength(1);
  const entity = (id: string) => crate['@graph'].find((each) => each['@id'] === id);
  for (const { '@id': id, sha256, contentSize } of crate['@graph']) {
    if (sha256 === undefined || URL.canParse(id)) continue;
    const bytes = readFileSync(join(folder, decodeURIComponent(id)));
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha256);
    expect(String(bytes.length)).toBe(contentSize);
  }
  expect(entity('#value-lines')).toMatchObject({ value: '2', exampleOfWork: { '@id': 'flow.js#param-lines' } });
  // Two attempts of what was tried again: the first failed, the job did not.
  const attempts = crate['@graph'].filter(({ name }) => /^attempt \d of flaky/.test(String(name)));
  expect(attempts.map(({ actionStatus }) => String(actionStatus).split('/').at(-1) ?? '').toSorted()).toEqual([
    'CompletedActionStatus',
    'FailedActionStatus',
  ]);
  expect(crate['@graph'].find(({ name }) => name === 'attempt 1 of broken-1')).toMatchObject({
    error: 'exit code 3',
    agent: { '@id': '#agent-Ada' },
  });
  // What one job left is what the next took in.
  const made = crate['@graph'].find(({ name }) => name === 'attempt 1 of cut-1')?.['result'];
  expect(crate['@graph'].find(({ name }) => name === 'attempt 1 of count-1')?.['object']).toEqual(made);

  const again = await box.run(['export', run, '--to', 'rocrate', '-o', 'crate']);
  expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining("'crate' is not empty") as string });
  const alone = await box.run(['export', run, '--to', 'rocrate']);
  expect(brokenRules(JSON.parse(alone.stdout) as Crate, ['graph.json'])).toEqual([]);
});

test('CSV has a row a job, by RFC 4180; JSON has what show has', async () => {
  const { box, run } = await withRun();
  await using _ = box;

  const { stdout } = await box.run(['export', run, '--to', 'csv']);
  const lines = stdout.split('\r\n');
  expect(lines).toHaveLength(6);
  expect(lines[0]).toBe(
    'job,index,task,status,reason,attempt,backend,granted_at,started_at,ended_at,seconds,exit_code,end,max_rss_bytes,cpu_seconds,read_bytes,written_bytes',
  );
  expect(lines.find((line) => line.startsWith('broken-1,'))).toMatch(
    /^broken-1,\d,broken,failed,exit,1,commands,[^,]+,[^,]+,[^,]+,[\d.]+,3,exit code 3,/,
  );
  expect(lines.find((line) => line.startsWith('flaky-1,'))).toContain(',done,,2,commands,');

  const whole = JSON.parse((await box.run(['export', run, '--to', 'json'])).stdout) as { jobs: { usage: object }[] };
  const shown = await box.json<{ jobs: object[] }>(['show', run, '--all']);
  expect({ ...whole, jobs: whole.jobs.map(({ usage: _usage, ...job }) => job) }).toEqual(shown);
});

test('a trace that was exported is imported as the same graph, with the times of the run', async () => {
  const { box, run } = await withRun();
  await using _ = box;

  await box.run(['export', run, '--to', 'wfformat', '-o', 'trace.json']);

  const trace = JSON.parse(readFileSync(join(box.folder, 'trace.json'), 'utf8')) as {
    workflow: { execution: { tasks: { id: string; runtimeInSeconds: number }[] } };
  };
  const shared = process.env['HEDDLE_SHARED'] ?? join(import.meta.dirname, '../../../../shared');
  const schemaFile = join(shared, 'data/wfinstances/wfformat-schema.json');
  if (existsSync(schemaFile)) {
    const { $schema: _unknown, ...rules } = JSON.parse(readFileSync(schemaFile, 'utf8')) as Record<string, unknown>;
    const validate = new Ajv({ strict: false, unicodeRegExp: false, validateFormats: false }).compile(rules);
    expect(validate(trace), JSON.stringify(validate.errors)).toBe(true);
  }
  const { graph } = await importWfFormat(join(box.folder, 'trace.json'));
  expect([...graphNames(graph)].toSorted()).toEqual(['broken-1', 'count-1', 'cut-1', 'flaky-1']);
  expect(graph.edgeFrom).toHaveLength(1);
  const { jobs } = await box.json<{ jobs: { job: string; startedAt: string; endedAt: string }[] }>([
    'show',
    run,
    '--all',
  ]);
  for (const { id, runtimeInSeconds } of trace.workflow.execution.tasks) {
    const job = jobs.find(({ job: name }) => name === id);
    const seconds = (Date.parse(job?.endedAt ?? '') - Date.parse(job?.startedAt ?? '')) / 1000;
    expect(runtimeInSeconds).toBeCloseTo(seconds, 1);
  }
});
