import {
  AfterOthers,
  afterClock,
  afterTimepoint,
  allOf,
  anyOf,
  beforeWeekday,
  command,
  Condition,
  HeddleError,
  json,
  map,
  sh,
  workflow,
  workflowFromYaml,
} from 'heddle';
import { expect, test } from 'vitest';
import { graphFingerprint } from '../../../src/workflow/index.ts';

/** Tasks that wait for others, for times, and for both, in YAML. */
const YAML = `
heddle: 1
name: gated
parameters: { start: '2027-01-31T09:00Z' }
tasks:
  prepare:
    each: [1, 2]
    run: echo \${item}
  list:
    run: echo '[1]' > l.json
    outputs: { l: { json: l.json } }
  scaled:
    each: \${list.l}
    run: echo \${item}
    condition: { afterWeekday: sat, timeZone: UTC }
  first:
    run: echo first
    condition: { after: [prepare, scaled], mode: any, statuses: done }
  late:
    run: echo late
    condition:
      any:
        - { afterClock: '22:00', timeZone: Europe/Berlin }
        - all: [ { after: first }, { afterTimepoint: $start }, { beforeWeekday: Tuesday } ]
`;

test('conditions in YAML are those of TypeScript: the same graph', async () => {
  const prepare = command('prepare', { run: (p: { item: number }) => sh`echo ${p.item}` });
  const list = command('list', { run: () => sh`echo '[1]' > l.json`, outputs: { l: json<number[]>('l.json') } });
  const scaled = command('scaled', {
    run: (p: { item: unknown }) => sh`echo ${p.item as number}`,
    condition: { kind: 'after-weekday', day: 5, timeZone: 'UTC' },
  });
  const first = command('first', {
    run: () => sh`echo first`,
    condition: new AfterOthers(['prepare-1', 'prepare-2', 'map-1/gather'], { mode: 'any', statuses: ['done'] }),
  });
  const late = command('late', {
    run: () => sh`echo late`,
    condition: anyOf(
      afterClock('22:00', { timeZone: 'Europe/Berlin' }),
      allOf(new AfterOthers(['first-1']), afterTimepoint('2027-01-31T09:00Z'), beforeWeekday('tue')),
    ),
  });
  const typescript = workflow('gated', () => {
    prepare({ item: 1 });
    prepare({ item: 2 });
    map(list().l, (item) => scaled({ item }));
    first();
    late();
  }).build();

  const yaml = (await workflowFromYaml(YAML)).workflow.build({});

  expect(yaml.definitions.map(({ name, condition }) => [name, condition])).toEqual(
    typescript.definitions.map(({ name, condition }) => [name, condition]),
  );
  expect(graphFingerprint(yaml)).toBe(graphFingerprint(typescript));
});

/** What is told of a condition that stands in line 7, at column 16. */
async function told(condition: string, way = ''): Promise<string> {
  const yaml = `heddle: 1\nname: gated\ntasks:\n  prepare: { run: echo }\n  next:\n    run: echo\n    condition: ${condition}\n${way}`;
  try {
    (await workflowFromYaml(yaml, { file: 'flow.yaml' })).workflow.build({});
  } catch (error) {
    if (!HeddleError.is(error)) throw error;
    return [error.message, error.hint ?? ''].join('\n');
  }
  return 'nothing is wrong';
}

test.each([
  [
    '{ after: prepar }',
    /^flow.yaml:7:25: tasks.next.condition.after: 'prepar' is no task here\ndid you mean 'prepare'\?/,
  ],
  ['{ after: [prepare, next] }', /tasks.next: waits for itself: 'next' needs 'next'/],
  [
    '{ after: prepare, statuses: [finished] }',
    /^flow.yaml:7:\d+: tasks.next.condition.statuses.* must be a status, or a list of them/,
  ],
  [
    '{ after: prepare, modus: any }',
    /^flow.yaml:7:34: tasks.next.condition.modus: is not known here\nknown are after, statuses, mode$/,
  ],
  ['{ afterClok: 9 }', /tasks.next.condition.afterClok: is not known here\ndid you mean 'afterClock'\?/],
  ['{ afterClock: "25:00" }', /condition.afterClock: is "25:00": is no time of day: write '9', '12:30'/],
  ['{ afterClock: "9", timeZone: Mars/Base }', /condition.timeZone: is "Mars\/Base": is no time zone/],
  [
    '{ all: [ { afterWeekday: someday } ] }',
    /^flow.yaml:7:\d+: tasks.next.condition.all\[?.?0\]?.afterWeekday: is "someday": is no day of the week/,
  ],
  ['{ beforeTimepoint: soon }', /condition.beforeTimepoint: is "soon": is no point in time/],
  ['tomorrow', /^flow.yaml:7:16: tasks.next.condition: is no condition: \{ after: prepare \}/],
])('a condition that is none is refused with its place and a mend: %s', async (condition, message) => {
  expect(await told(condition)).toMatch(message);
});

test('what is there only in the run waits for others by after, and is told so', async () => {
  const way = '    each: ${list.l}\n  list:\n    run: echo\n    outputs: { l: { json: l.json } }\n';

  expect(await told('{ after: prepare }', way)).toMatch(
    /names 'prepare' inside of what is there only in the run\nthere a task waits for others by after: prepare/,
  );
  expect(await told('{ afterClock: "9" }', way)).toBe('nothing is wrong');
});

test('a condition that is code is refused where a workflow is described', () => {
  class Quiet extends Condition {
    satisfy(): boolean {
      return true;
    }
  }

  expect(() => command('echo', { run: () => sh`echo`, condition: new Quiet() })).toThrow(
    "condition of 'echo' is code of its own, and a workflow is data",
  );
});
