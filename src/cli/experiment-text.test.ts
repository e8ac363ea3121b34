import { expect, test } from 'vitest';
import { asRunId } from '../model/index.ts';
import type { ExperimentTable } from '../workflow/index.ts';
import { experimentCsv, experimentTableText } from './experiment-text.ts';

const run = asRunId('r-1');
const table: ExperimentTable = {
  name: 'fluids',
  parameters: ['t', 'label'],
  results: ['energy', 'note', 'label'],
  outside: 0,
  rows: [
    {
      ...{ parameters: { t: 0.1, label: 'a,"b"' }, status: 'done', detail: '', run },
      results: new Map<string, string | number | null>([
        ['energy', -1.23456789012],
        ['note', 'x'.repeat(40)],
        ['label', null],
      ]),
    },
    { parameters: { t: 12, label: 'c' }, status: 'pending', detail: 'interrupted', run: undefined, results: new Map() },
  ],
};

test('a table aligns numbers, shortens text, and leaves out what has no room, the last results first', () => {
  expect(experimentTableText(table, { width: Infinity })).toEqual({
    omitted: [],
    text: [
      '  t  label  STATUS                   energy  note                          label  RUN',
      `0.1  a,"b"  done                   -1.23457  ${'x'.repeat(27)}…  null   r-1`,
      ' 12  c      pending (interrupted)',
    ].join('\n'),
  });
  const narrow = experimentTableText(table, { width: 60 });
  expect(narrow.omitted).toEqual(['note', 'label']);
  expect(narrow.text.split('\n').every((line) => line.length <= 60)).toBe(true);
  expect(narrow.text).toContain('RUN');
});

test('CSV has numbers and text in full, and no column twice', () => {
  expect([...experimentCsv(table)]).toEqual([
    't,label,status,run,energy,note,result.label\r\n',
    `0.1,"a,""b""",done,r-1,-1.23456789012,${'x'.repeat(40)},\r\n`,
    '12,c,pending,,,,\r\n',
  ]);
});
