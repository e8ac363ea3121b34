import { execFile } from 'node:child_process';
import { chmodSync, writeFileSync, cpSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { giveBack, ownFolder } from '../../own-folder.ts';
import { startStandIn } from '../pbs/stand-in/start.ts';
import { environment, installNode, sshConfig, targets } from './lab.ts';

const SOURCES = join(import.meta.dirname, '../../acceptance/use-sources.ts');

/** What MolExp's document says of its three backends: the same experiment has the same results on each. */
const PRINTED = ['prepare [[true,""],[true,"3\\n"]]', 'simulate [[true,"T = 300\\n"]]', 'analyze {"sum":16}', ''];

async function printed(kind: string, options: object): Promise<readonly string[]> {
  const folder = ownFolder(`molexp-${kind}`);
  chmodSync(folder, 0o755);
  cpSync(join(import.meta.dirname, 'programs'), folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  const argv = ['--import', SOURCES, 'three-backends.ts', kind, JSON.stringify(options)];
  const { stdout } = await promisify(execFile)(process.execPath, argv, {
    cwd: folder,
    env: { ...process.env, ...environment, HEDDLE_SOURCE: '1' },
  });
  await giveBack(folder);
  return stdout.split('\n');
}

const poll = { min: '200ms', max: '1s' };
const WAYS: readonly (readonly [string, string, object])[] = [
  ['this machine', 'local', {}],
  ...(targets['host'] === undefined
    ? []
    : ([['two hosts behind ssh', 'remote', { hosts: ['old', 'older'], sshConfig, poll }]] as const)),
  ...(targets['slurm'] === undefined
    ? []
    : ([['Slurm', 'cluster', { scheduler: 'slurm', queue: 'main', poll }]] as const)),
  ...(targets['grid'] === undefined
    ? []
    : ([['Grid Engine', 'cluster', { ...targets['grid'], scheduler: 'sge', queue: 'all.q', poll }]] as const)),
];

describe('MolExp: three backends', () => {
  beforeAll(installNode);

  test.concurrent.each(WAYS)('the same experiment has the same results on %s', async (_, kind, options) => {
    expect(await printed(kind, options)).toEqual(PRINTED);
  });

  test('and on PBS, as far as its stand-in is one', async () => {
    await using pbs = await startStandIn();

    expect(await printed('cluster', { scheduler: 'pbs', bin: pbs.bin, poll })).toEqual(PRINTED);
  });
});
