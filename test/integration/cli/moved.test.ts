import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fileLines, runIdOf, Sandbox } from './harness.ts';

const FLOW = `
import { workflow } from 'heddle';
import { begin, end } from './lib/tasks.js';
export default workflow('study', () => end(begin('a')));
`;
const TASKS = `
import { appendFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { task } from 'heddle';
import { scale } from './scale.js';
export const begin = task('begin', (name) => name.repeat(scale));
export const end = task('end', async (text) => {
  appendFileSync(join(import.meta.dirname, '../ledger'), text + '\\n');
  while (!existsSync(join(import.meta.dirname, '../go'))) await new Promise((resolve) => setTimeout(resolve, 5));
  return text + scale;
});
`;

function writeProject(project: string): void {
  mkdirSync(join(project, 'lib'), { recursive: true });
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(project, 'flow.js'), FLOW);
  writeFileSync(join(project, 'lib', 'tasks.js'), TASKS);
  writeFileSync(join(project, 'lib', 'scale.js'), 'export const scale = 2;\n');
}

/** Starts a run in a folder and kills its engine in the midst of the second job. */
async function interrupted(box: Sandbox, cwd: string, file = 'flow.js'): Promise<string> {
  const run = box.start(['run', file], { cwd });
  const id = await runIdOf(run);
  await fileLines(join(cwd, 'ledger'), 1);
  run.process.kill('SIGKILL');
  await run.ended;
  return id;
}

test('a project is the same graph wherever it lies, and a run in it goes on where it has been moved', async () => {
  await using box = new Sandbox();
  const [here, there, copy] = ['here', 'the re', 'copy'].map((name) => join(box.folder, name)) as [
    string,
    string,
    string,
  ];
  writeProject(here);
  cpSync(here, copy, { recursive: true });
  const id = await interrupted(box, here);

  const graphs = await Promise.all(
    [here, copy].map((cwd) => box.run(['graph', 'flow.js', '--format', 'json'], { cwd })),
  );
  renameSync(here, there);
  writeFileSync(join(there, 'go'), '');
  const resumed = await box.run(['resume', id], { cwd: there });
  const shown = await box.run(['show', id], { cwd: there });

  expect(graphs[0]?.stdout).toContain('./lib/tasks.js');
  expect(graphs[1]?.stdout).toBe(graphs[0]?.stdout);
  expect(resumed).toMatchObject({ code: 0 });
  expect(shown.stdout).toMatch(/^status +done/m);
  expect(shown.stdout).toContain(join(there, 'flow.js'));
  expect(readFileSync(join(there, 'ledger'), 'utf8')).toBe('aa\naa\n');
  expect(existsSync(here)).toBe(false);
});

test.each(['flow.js', 'graph.json'])(
  'code that tasks of %s have from elsewhere may not change unseen',
  async (file) => {
    await using box = new Sandbox();
    const project = join(box.folder, 'study');
    writeProject(project);
    const { stdout } = await box.run(['graph', 'flow.js', '--format', 'json'], { cwd: project });
    writeFileSync(join(project, 'graph.json'), stdout);
    const id = await interrupted(box, project, file);
    const scale = join(project, 'lib', 'scale.js');
    writeFileSync(join(project, 'go'), '');

    writeFileSync(scale, 'export const scale = 3;\n');
    const refused = await box.run(['resume', id], { cwd: project });
    writeFileSync(scale, '// As it was.\nexport const scale = 2;\n');
    const resumed = await box.run(['resume', id], { cwd: project });

    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(
      /has changed since it was started\n {4}changed {2}lib\/scale\.js\n[^]*--accept-code/,
    );
    expect(resumed).toMatchObject({ code: 0 });
  },
);
