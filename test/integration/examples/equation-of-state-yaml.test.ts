import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Sandbox } from '../cli/harness.ts';

const EXAMPLE = join(import.meta.dirname, '..', '..', '..', 'examples', 'equation-of-state');
const STUDY = 'examples/equation-of-state/study.ts';
const TWIN = 'examples/equation-of-state/study.yaml';
/** So short that the study may miss its reference, and say so: here it is only compared with itself. */
const LENGTH = ['-p', 'length=0.2'];

/** A project of somebody's with the example in it, over two of its states. */
function projectWithExample(): Sandbox {
  const sandbox = new Sandbox();
  sandbox.write('package.json', '{ "name": "somebody", "type": "module" }\n');
  mkdirSync(join(sandbox.folder, 'examples'));
  cpSync(EXAMPLE, join(sandbox.folder, 'examples', 'equation-of-state'), { recursive: true });
  vary(sandbox, { temperature: '[0.85]', density: '[0.003, 0.005]', replica: '[1, 2]' });
  return sandbox;
}

/** Writes other values into the lines that say the space, of both. */
function vary(sandbox: Sandbox, values: Readonly<Record<string, string>>): void {
  for (const [file, end] of [
    [STUDY, ','],
    [TWIN, ''],
  ] as const) {
    let text = readFileSync(join(sandbox.folder, file), 'utf8');
    for (const [name, list] of Object.entries(values)) {
      const line = new RegExp(`^    ${name}: \\[.*$`, 'm');
      expect(text).toMatch(line);
      text = text.replace(line, `    ${name}: ${list}${end}`);
    }
    sandbox.write(file, text);
  }
}

interface Show {
  readonly points: readonly { readonly run: string; readonly parameters: object; readonly status: string }[];
}

interface RunDocument {
  readonly fingerprint: string;
}

const pointsOf = async (sandbox: Sandbox): Promise<Show['points']> =>
  (await sandbox.json<Show>(['show', 'equation-of-state'])).points;

test('study.yaml is study.ts: what one has computed the other takes, and adding a density computes only that', async () => {
  await using sandbox = projectWithExample();
  const typescript = await sandbox.run(['run', STUDY, ...LENGTH]);
  const before = await pointsOf(sandbox);

  const yaml = await sandbox.run(['run', TWIN, ...LENGTH]);
  const after = await pointsOf(sandbox);
  vary(sandbox, { density: '[0.003, 0.005, 0.007]' });
  const wider = await sandbox.run(['run', TWIN, ...LENGTH]);
  const widest = await pointsOf(sandbox);

  expect(before.map(({ status }) => status)).toEqual(['done', 'done', 'done', 'done']);
  expect(yaml).toMatchObject({ code: typescript.code, stdout: typescript.stdout });
  expect(yaml.stderr).toContain('4 of them were done before');
  expect(after).toEqual(before);
  expect(wider.stderr).toContain('6 done in');
  expect(wider.stderr).toContain('4 of them were done before');
  expect(widest.slice(0, 4)).toEqual(before);
});

test('study.yaml computes the same bytes, in graphs of the same fingerprint', async () => {
  await using ours = projectWithExample();
  await using theirs = projectWithExample();

  const ended = await Promise.all([ours.run(['run', TWIN, ...LENGTH]), theirs.run(['run', STUDY, ...LENGTH])]);

  expect(ended[0]).toMatchObject({ code: ended[1].code, stdout: ended[1].stdout });
  for (const name of ['table.txt', 'eos.csv', 'eos.svg']) {
    const [own, other] = [ours, theirs].map(({ folder }) =>
      readFileSync(join(folder, 'results', 'equation-of-state', name), 'utf8'),
    );
    expect(own).toBe(other);
  }
  const prints = await Promise.all(
    [ours, theirs].map(async (sandbox) => {
      const points = await pointsOf(sandbox);
      return await Promise.all(
        points.map(async ({ run }) => (await sandbox.json<RunDocument>(['show', run])).fingerprint),
      );
    }),
  );
  expect(prints[0]).toHaveLength(4);
  expect(prints[0]).toEqual(prints[1]);
  expect(prints[0]?.every((print) => /^[0-9a-f]{64}$/.test(print))).toBe(true);
});
