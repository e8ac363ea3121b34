import fc from 'fast-check';
import { HeddleError, workflowFromYaml } from 'heddle';
import { expect, test } from 'vitest';

const VALID = `heddle: 1
name: fuzz
parameters:
  temperatures: { type: list, items: number, default: [0.7, 1.0] }
  steps: 1000
tasks:
  simulate: &base
    each: \${temperatures}
    with: { temperature: \${item} }
    run: |
      ./md --temp \${temperature} --steps $steps > energy.json
    outputs: { energy: { json: energy.json, publish: "r/\${temperature}.json" } }
    resources: { cpus: 4, memory: 8GiB, time: 2h }
  analyze:
    call: ./functions.ts#analyze
    args: [ \${simulate.energy} ]
    after: { simulate: [done] }
  pick:
    when: { left: "\${analyze.mean}", compare: '>', right: 3 }
    call: ./functions.ts#relax
    args: [ { force: "\${analyze.mean}" } ]
result: { a: "\${analyze.mean}" }
experiment:
  grid: { steps: { range: { start: 1, stop: 3, step: 1 } } }
  where: { left: steps, compare: '<', right: 3 }
`;

const PIECES = [
  '$',
  '{',
  '}',
  '[',
  ']',
  ':',
  ' ',
  '\n',
  '  ',
  '\t',
  '-',
  '&',
  '*',
  '!',
  '"',
  "'",
  '#',
  'null',
  '1e999',
  '<<: ',
  '---\n',
  '~',
  'steps',
  'each: ',
  'item',
  '\uE0F0',
  '\u0000',
  '?',
  '|',
  '>',
  '%',
  '@',
];

/** The text with pieces of it taken out, doubled or replaced. */
const mutated = fc
  .array(
    fc.record({
      at: fc.nat(VALID.length - 1),
      length: fc.nat(6),
      by: fc.oneof(fc.constantFrom(...PIECES), fc.string({ maxLength: 4 }), fc.constant('')),
    }),
    { minLength: 1, maxLength: 2 },
  )
  .map((edits) => edits.reduce((text, { at, length, by }) => text.slice(0, at) + by + text.slice(at + length), VALID));

test('whatever is typed into a workflow, the answer is a graph or a mistake with its place', async () => {
  const answers = { graphs: 0, mistakes: 0 };

  await fc.assert(
    fc.asyncProperty(mutated, async (text) => {
      try {
        const { workflow } = await workflowFromYaml(text, { directory: import.meta.dirname, file: 'fuzz.yaml' });
        workflow.build({});
        answers.graphs += 1;
      } catch (error) {
        if (!HeddleError.is(error)) throw error;
        expect(error.message).toMatch(/^fuzz\.yaml:\d+:\d+: /);
        answers.mistakes += 1;
      }
    }),
    { numRuns: 400, seed: 4 },
  );

  expect(answers.graphs).toBeGreaterThan(30);
  expect(answers.mistakes).toBeGreaterThan(30);
});

test('line breaks of Windows and a byte order mark change nothing', async () => {
  const { workflow } = await workflowFromYaml(VALID, { directory: import.meta.dirname });
  const windows = await workflowFromYaml(`\uFEFF${VALID.replaceAll('\n', '\r\n')}`, { directory: import.meta.dirname });

  expect(windows.workflow.build({})).toEqual(workflow.build({}));
});
