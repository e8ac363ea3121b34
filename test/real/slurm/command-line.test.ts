import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { giveBack, ownFolder } from '../../own-folder.ts';
import { slurm } from './cluster.ts';

const root = join(import.meta.dirname, '../../..');

/** The files of the page on Slurm, for a cluster that is here and has less. */
function filesOfThePage(): ReadonlyMap<string, string> {
  const page = readFileSync(join(root, 'docs/slurm.md'), 'utf8');
  const files = new Map<string, string>();
  for (const [, body = ''] of page.matchAll(/^```(?:ts|yaml)\n(.*?)^```$/gms)) {
    const name = /^(?:\/\/|#) (\S+)\n/.exec(body)?.[1];
    if (name !== undefined)
      files.set(
        name,
        body
          .replace(/^ +transport:.*\n/m, '')
          .replace('queue: long', 'queue: main')
          .replace('8GiB', '64MiB'),
      );
  }
  return files;
}

describe.skipIf(!slurm.available)('the page on Slurm', () => {
  test('runs as it stands, by the command line, and doctor finds nothing missing', async () => {
    const folder = ownFolder('slurm-page');
    for (const [name, text] of filesOfThePage()) writeFileSync(join(folder, name), text);
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
    const heddle = (...args: readonly string[]) =>
      spawnSync(process.execPath, [join(root, 'bin/heddle.cjs'), ...args], {
        cwd: folder,
        encoding: 'utf8',
        env: {
          ...process.env,
          HEDDLE_SOURCE: '1',
          NODE_OPTIONS: `--import=${join(root, 'test/acceptance/use-sources.ts')} --disable-warning=ExperimentalWarning`,
        },
      });

    const run = heddle('run', 'melt.ts', '--backend', 'cluster');
    const doctor = heddle('doctor');

    expect(run).toMatchObject({ status: 0, stderr: expect.stringContaining('done') as string });
    expect(doctor.stdout).toMatch(/^well\s+cluster\s+scheduler: 22\.05/m);
    await giveBack(folder);
  });
});
