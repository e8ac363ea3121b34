import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HeddleError } from '../model/index.ts';
import { loadConfig, type LoadedConfig, targetSettings } from './index.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'heddle-config-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const load = (text: string, profile?: string): Promise<LoadedConfig> => {
  writeFileSync(join(folder, 'heddle.config.yaml'), text);
  return loadConfig({ from: folder, profile, env: {} });
};

async function refusal(loading: Promise<unknown>): Promise<HeddleError> {
  const error: unknown = await loading.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!HeddleError.is(error)) throw new Error(`it was not refused: ${String(error)}`);
  expect(error.code).toBe('CONFIG_INVALID');
  return error;
}

const CLUSTER = `
backends:
  cluster:
    transport: { ssh: login }
    scheduler: slurm
    queue: long
    poll: { min: 5s }
profiles:
  night:
    backend: cluster
    backends:
      cluster: { queue: night, maxJobs: 20 }
`;

describe('layers', () => {
  test('without a file nothing is configured, and a profile is refused', async () => {
    expect(await loadConfig({ from: folder, env: {} })).toMatchObject({ values: {}, profile: undefined });
    const { message } = await refusal(loadConfig({ from: folder, profile: 'night', env: {} }));
    expect(message).toContain("no profile 'night'");
  });

  test('a file holds in the folders below it', async () => {
    writeFileSync(join(folder, 'heddle.config.mjs'), 'export default { jobs: 3 }');
    mkdirSync(join(folder, 'a/b'), { recursive: true });
    const { values, directory } = await loadConfig({ from: join(folder, 'a/b'), env: {} });
    expect(values).toEqual({ jobs: 3 });
    expect(directory).toBe(folder);
  });

  test('a profile is laid over it field by field, and each value says where it is from', async () => {
    const { values, origins } = await load(CLUSTER, 'night');
    expect(values.backend).toBe('cluster');
    expect(values.backends?.['cluster']).toMatchObject({ scheduler: 'slurm', queue: 'night', maxJobs: 20 });
    expect(origins.get('backends.cluster.queue')).toMatch(/heddle\.config\.yaml, profile night$/);
    expect(origins.get('backends.cluster.scheduler')).toMatch(/heddle\.config\.yaml$/);
  });

  test('HEDDLE_PROFILE names one, and what the command line names is taken before it', async () => {
    writeFileSync(join(folder, 'heddle.config.yaml'), CLUSTER);
    const env = { HEDDLE_PROFILE: 'night' };
    expect((await loadConfig({ from: folder, env })).profile).toBe('night');
    const { hint } = await refusal(loadConfig({ from: folder, env, profile: 'nights' }));
    expect(hint).toBe("did you mean 'night'?");
  });

  test('two files in a folder are refused', async () => {
    writeFileSync(join(folder, 'heddle.config.mjs'), 'export default {}');
    const { message } = await refusal(load('jobs: 2'));
    expect(message).toContain('heddle.config.mjs and heddle.config.yaml');
  });
});

describe('mistakes are told with path, place and mend', () => {
  const cases: readonly (readonly [title: string, text: string, message: string | RegExp, hint?: string])[] = [
    [
      'an unknown option',
      'backends:\n  c: { schedular: slurm }',
      'backends.c.schedular (line 2, column 8) is no option',
      "did you mean 'scheduler'?",
    ],
    [
      'one inside of another',
      'backends:\n  c:\n    scheduler: slurm\n    poll: { mim: 3s }',
      'backends.c.poll.mim (line 4, column 13) is no option',
      "did you mean 'min'?",
    ],
    [
      'of a host',
      'backends:\n  c:\n    transport: { ssh: a, jumphost: b }',
      'backends.c.transport.jumphost (line 3, column 26) is no option',
    ],
    [
      'a scheduler that is none',
      'backends:\n  c: { scheduler: lsf }',
      'backends.c.scheduler (line 2, column 19) must be none, slurm, gridengine or pbs',
    ],
    ['a span of time', 'backends:\n  c: { scheduler: slurm, time: soon }', 'must be a span of time'],
    [
      'a host that would be an option of ssh',
      'backends:\n  c: { transport: { ssh: -oProxyCommand=x } }',
      'must be a host as ssh takes it',
    ],
    [
      'a directive with a second line',
      'backends:\n  c: { scheduler: slurm, options: ["a\\nb"] }',
      'backends.c.options[0] (line 2, column 36) must be one line',
    ],
    ['hosts and a scheduler', 'backends:\n  c: { scheduler: pbs, hosts: [a] }', 'which hands out machines itself'],
    [
      'a queue of nothing',
      'backends:\n  c: { transport: local, queue: long }',
      'backends.c.queue (line 2, column 26) means nothing without a scheduler',
    ],
    [
      'the name of what is built in',
      'backends:\n  threads: { transport: local }',
      'has the name of a backend that is built in',
    ],
    [
      'a profile that is not there',
      'profile: nigh\nprofiles: { night: {} }',
      "names no profile: 'nigh'",
      "did you mean 'night'?",
    ],
    ['a container', 'backends:\n  c: { transport: local, container: { imag: x } }', "there is no field 'imag'"],
    ['no YAML', 'backends: {', /heddle\.config\.yaml:1:\d+: /],
  ];
  for (const [title, text, message, hint] of cases)
    test(title, async () => {
      const error = await refusal(load(text));
      if (typeof message === 'string') expect(error.message).toContain(message);
      else expect(error.message).toMatch(message);
      if (hint !== undefined) expect(error.hint).toBe(hint);
    });
});

test('settings have all defaults filled in', () => {
  const settings = targetSettings(
    'c',
    { transport: { ssh: 'h', config: 'ssh.conf' }, scheduler: 'slurm', queue: 'q' },
    '/etc',
  );
  expect(settings).toMatchObject({
    name: 'c',
    hosts: [{ way: { kind: 'ssh', host: 'h', config: '/etc/ssh.conf' } }],
    sharesFiles: false,
    root: '~/.heddle',
    scheduling: { queue: 'q' },
    timeMs: 3_600_000,
    maxJobs: 1000,
    pollMs: { min: 2000, max: 30_000 },
  });
  expect(targetSettings('here', { scheduler: 'pbs' }, '/').sharesFiles).toBe(true);
});
