import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { HeddleError, workflowFromYaml } from 'heddle';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { yamlSchema } from '../../../src/workflow/index.ts';

const root = join(import.meta.dirname, '../../..');

const published = JSON.parse(readFileSync(join(root, 'docs/reference/workflow.schema.json'), 'utf8')) as object;

function validator(): ValidateFunction {
  return new Ajv2020({ allErrors: true, allowUnionTypes: true }).compile(published);
}

test('the published schema is the one that is read by: heddle schema > docs/reference/workflow.schema.json', async () => {
  expect(published).toEqual(await yamlSchema());
});

/** Blocks of YAML in the guide that are whole workflows, and the examples. */
function documents(): readonly (readonly [where: string, text: string])[] {
  const pages = globSync('docs/*.md', { cwd: root }).flatMap((page) =>
    [...readFileSync(join(root, page), 'utf8').matchAll(/^```yaml\n(.*?)^```$/gms)].map(
      ([, text = ''], i) => [`${page}, block ${i + 1}`, text] as const,
    ),
  );
  const examples = globSync('examples/**/*.yaml', { cwd: root }).map(
    (file) => [file, readFileSync(join(root, file), 'utf8')] as const,
  );
  return [...pages, ...examples].filter(([, text]) => /^heddle: 1$/m.test(text));
}

describe('what the guide and the examples show is valid', () => {
  test.each(documents())('%s', (_, text) => {
    const validate = validator();

    validate(parse(text, { merge: true }));

    expect(validate.errors ?? []).toEqual([]);
  });
});

/** What an editor with the schema marks, and so does the reader. */
const WRONG: readonly (readonly [what: string, text: string])[] = [
  ['an unknown key', 'heddle: 1\nname: a\ntasks: { md: { run: x, resorces: {} } }'],
  ['a wrong type', 'heddle: 1\nname: a\ntasks: { md: { run: 3 } }'],
  ['no name', 'heddle: 1\ntasks: {}'],
  ['another version', 'heddle: 2\nname: a\ntasks: {}'],
  ['an output of no kind', 'heddle: 1\nname: a\ntasks: { md: { run: x, outputs: { e: e.json } } }'],
  [
    'a comparison of no kind',
    "heddle: 1\nname: a\ntasks: { md: { run: x, when: { left: 1, compare: '=', right: 2 } } }",
  ],
  ['an experiment of no kind', 'heddle: 1\nname: a\ntasks: {}\nexperiment: { gird: {} }'],
];

test.each(WRONG)('%s is refused by the schema and by the reader', async (_, text) => {
  const validate = validator();

  expect(validate(parse(text))).toBe(false);
  await expect(workflowFromYaml(text)).rejects.toSatisfy(HeddleError.is);
});
