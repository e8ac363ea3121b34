import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ERROR_CODES } from '../../../src/model/index.ts';

const page = readFileSync(join(import.meta.dirname, '../../../docs/reference/errors.md'), 'utf8');
const entries = page.split(/^## /m).slice(1);

test('every error code has one entry in docs/reference/errors.md, and every entry a code', () => {
  const titles = entries.map((entry) => entry.slice(0, entry.indexOf('\n')));

  expect(titles.toSorted()).toEqual(Object.keys(ERROR_CODES).toSorted());
});

test.each(entries.map((entry) => [entry.slice(0, entry.indexOf('\n')), entry] as const))(
  'the entry of %s says its exit status and HTTP status as the code table has them, what it means and what to do',
  (code, entry) => {
    const { exit, http, retryable } = ERROR_CODES[code as keyof typeof ERROR_CODES];

    expect(entry).toContain(
      `Exit ${exit} · HTTP ${http} · ${retryable ? 'trying again can help' : 'trying again does not help'}`,
    );
    expect(entry).toMatch(/^Message: `.+`$/m);
    expect(entry).toMatch(/^\*\*Mend\.\*\* \S/m);
  },
);
