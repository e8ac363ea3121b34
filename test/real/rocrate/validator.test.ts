import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { Sandbox } from '../../integration/cli/harness.ts';
import { requireComponent } from '../components/components.ts';

const rocrate = await requireComponent('rocrate');

/** Everything a crate has to find a word for: retries, failures, jobs that never ran, maps, cached results, parameters. */
const FLOW = `import { command, file, input, json, map, sh, task, workflow } from 'heddle';
const cut = command('cut', {
  run: (p) => sh\`head -n \${p.lines} \${p.from} > part.txt\`,
  outputs: { part: file('part.txt') },
  cache: true,
});
const count = command('count', {
  run: (p) => sh\`wc -l < \${p.part} > count.json\`,
  outputs: { count: json('count.json', { publish: 'count.json' }) },
  cache: true,
});
const flaky = command('flaky', {
  run: () => sh\`test -e ../flag || { : > ../flag; exit 4; }\`,
  retry: { maxAttempts: 2, initialDelay: '10ms' },
});
const broken = command('broken', { run: () => sh\`exit 3\`, outputs: { never: file('never.txt') } });
const after = command('after', { run: (p) => sh\`cat \${p.never}\` });
export const upTo = task('up-to', (n) => Array.from({ length: n }, (_, i) => i));
export const square = task('square', (n) => n * n);
export default workflow('flow', (p) => {
  const { count: lines } = count({ part: cut({ from: input('lines.txt'), lines: p.lines }).part });
  if (p.all) {
    flaky();
    after({ never: broken().never });
    map(upTo(3), (n) => square(n));
  }
  return { lines };
});`;

const STUDY = `heddle: 1
name: study
parameters:
  n: { type: integer, default: 1 }
tasks:
  one: { run: 'echo \${n} > one.txt', outputs: { one: { file: one.txt } } }
experiment:
  grid: { n: [1, 2] }
`;

/** What is recommended and can't be said by us: it is the publisher's to say, or it did not happen, or it has no address. */
const NOT_SAID = [
  'FormalParameter SHOULD be referenced from a data entity or PropertyValue via exampleOfWork',
  'The Action SHOULD have a result',
  'The Application SHOULD have a url',
  'The Main Workflow SHOULD comply with Bioschemas ComputationalWorkflow profile version 1.0 or later',
  'The README.md SHOULD be about the crate',
  'The README.md SHOULD have text/markdown as its encodingFormat',
  'The Root Data Entity SHOULD have a link to a Contextual Entity representing the `author` of the RO-Crate',
  'The SoftwareApplication SHOULD have a version or softwareVersion',
  'The SoftwareApplication id SHOULD be an absolute URI',
  'The SoftwareSourceCode or ComputationalWorkflow SHOULD have a version',
  'The `publisher` property of a `Root Data Entity` SHOULD be an `Organization`',
];

interface Issue {
  readonly folder: string;
  readonly severity: 'REQUIRED' | 'RECOMMENDED' | 'OPTIONAL';
  readonly check: string;
  readonly message: string;
}

/** What rocrate-validator says of crates, by the profiles of Workflow Run RO-Crate they say they conform to. */
async function issuesOf(box: Sandbox, folders: readonly string[]): Promise<readonly Issue[]> {
  if (!rocrate.available) throw new Error(rocrate.reason);
  const { HEDDLE_TEST_ROCRATE_PYTHON: python = '', HEDDLE_TEST_ROCRATE_CONTEXT: context = '' } = rocrate.env;
  const script = join(import.meta.dirname, 'validate.py');
  const { stdout } = await promisify(execFile)(python, [script, context, ...folders], {
    cwd: box.folder,
    maxBuffer: 16 * 1024 * 1024,
  });
  // Its own notices come before.
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Issue[];
}

describe.skipIf(!rocrate.available)('rocrate-validator', () => {
  test('finds nothing that is required missing from crates of runs that failed, were cached, or are points', async () => {
    await using box = new Sandbox();
    box.write('package.json', '{ "type": "module" }');
    box.write('lines.txt', 'one\ntwo\nthree\n');
    box.write('flow.js', FLOW);
    box.write('study.yaml', STUDY);
    const runs = new Map<string, string>();
    for (const [name, ...args] of [
      ['failed', 'flow.js', '-p', 'lines=2', '-p', 'all=true'],
      ['cached', 'flow.js', '-p', 'lines=2', '-p', 'all=false'],
    ] as const) {
      const ended = await box.run(['run', ...args, '--json']);
      expect(ended.code, ended.stderr).toBe(name === 'failed' ? 1 : 0);
      runs.set(name, (JSON.parse(ended.stdout) as { run: string }).run);
    }
    await box.json(['run', 'study.yaml']);
    const study = await box.json<{ points: readonly { run: string }[] }>(['show', 'study']);
    runs.set('point', study.points[1]?.run ?? '');
    for (const [name, run] of runs) {
      const exported = await box.run([
        'export',
        run,
        '--to',
        'rocrate',
        '-o',
        name,
        '--agent',
        'Ada',
        '--files',
        'all',
      ]);
      expect(exported.code, exported.stderr).toBe(0);
    }

    const issues = await issuesOf(box, [...runs.keys()]);

    expect(issues.filter(({ severity }) => severity === 'REQUIRED')).toEqual([]);
    expect([...new Set(issues.map(({ message }) => message))].toSorted()).toEqual(NOT_SAID);
    // It would have noticed.
    box.write('failed/ro-crate-metadata.json', '{"@context":[],"@graph":[]}');
    expect((await issuesOf(box, ['failed'])).filter(({ severity }) => severity === 'REQUIRED')).not.toEqual([]);
  });
});
