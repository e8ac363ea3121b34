import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

/**
 * The examples of executor-engine's own document, as its users would write them for Heddle: each is a program that is run
 * by Node as it stands, and what it prints is what the document promises.
 */
const PROGRAMS: Readonly<Record<string, string>> = {
  'after-another.ts': 'add(1, 2)\nadd(3, 4)\ntrue\n',
  'after-others.ts': 'true true\nadd(5, 6)\n',
  'after-timepoint.ts': 'pending\nHello\ntrue 1\n',
  'all-satisfied.ts': 'done 2\n',
  'any-satisfied.ts': 'done 2\n',
  'asynchronous.ts': '3\n7\n',
  'chain.ts': '3\n7\n12\n',
  'command-launcher.ts': '3\n0\n',
  'jobs-manager.ts': 'true\n2 pending\n2\n3\n7\n',
  'launcher.ts': '3\n3\n',
  'logging.ts': '1 true true\n',
  'one-job.ts': '3\n3\n',
  'own-condition.ts': 'hi\ntrue 1\n',
  'settings.ts': '3\nError: error\nfalse\ntrue\n',
  'shell-command.ts': '3\n0\ntrue\n',
};

const FOLDER = join(import.meta.dirname, 'programs');
/** Makes `heddle` mean the sources, as an installed package would. */
const SOURCES = join(import.meta.dirname, '..', 'use-sources.ts');

test('every program is judged', () => {
  expect(readdirSync(FOLDER)).toEqual(Object.keys(PROGRAMS));
});

test.concurrent.each(Object.entries(PROGRAMS))('%s prints what the document promises', async (program, printed) => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--import', SOURCES, join(FOLDER, program)]);

  expect({ stdout, stderr }).toEqual({ stdout: printed, stderr: '' });
});
