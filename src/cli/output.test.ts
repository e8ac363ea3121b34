import { expect, test } from 'vitest';
import { printable, renderTable } from './output.ts';

test('what could move a cursor or turn text round is shown as a dot', () => {
  expect(printable('a\u001b[2Jb\nc\td\u202ee\u0000')).toBe('a·[2Jb·c·d·e·');
  expect(printable('Größe ✓ 漢字')).toBe('Größe ✓ 漢字');
});

test('a table is aligned, without blanks at the ends of lines', () => {
  const text = renderTable(
    [{ title: 'JOB' }, { title: 'TOOK', align: 'right' }],
    [
      ['a', '1.0s'],
      ['longer', '10m00s'],
      ['b', ''],
    ],
  );

  expect(text).toBe('JOB       TOOK\na         1.0s\nlonger  10m00s\nb');
});
