import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { giveBack, ownFolder } from '../../own-folder.ts';
import { labs } from './lab.ts';

const BIN = join(import.meta.dirname, '../../../bin/heddle.cjs');

const FLOW = `
import { command, map, sh, text, workflow } from 'heddle'

const inside = command('inside', { run: (p: { n: number }) => sh\`head -n 1 /etc/passwd; test \${p.n} -lt 9\` })
const bare = command('bare', { run: () => sh\`command -v node >/dev/null\`, container: false })

export default workflow('contained', () => [bare({}), map([1, 2], (n) => inside({ n }))])
`;

const CACHED = `
import { command, sh, workflow } from 'heddle'

const cached = command('cached', { run: () => sh\`echo made >made; sleep 0\`, cache: true })

export default workflow('cached', () => cached({}))
`;

describe.each(await labs('podman'))('heddle run --container, with $runtime', ({ runtime, image }) => {
  test('runs what says nothing in that image, and show tells which it was', async () => {
    const project = ownFolder('line');
    writeFileSync(join(project, 'flow.ts'), FLOW);
    const heddle = (...args: readonly string[]): { readonly code: number | null; readonly stdout: string } => {
      const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, ...args], {
        cwd: project,
        encoding: 'utf8',
      });
      return { code: status, stdout: stdout + (status === 0 ? '' : stderr) };
    };

    const run = heddle('run', 'flow.ts', '--container', image, '--json');

    expect(run).toMatchObject({ code: 0, stdout: expect.stringContaining('"done":') as string });
    expect(heddle('show', '/bare-1').stdout).toMatch(/^container +none, by choice$/m);
    const { stdout } = heddle('show', '--all', '--json');
    const { jobs } = JSON.parse(stdout) as { jobs: { job: string }[] };
    const inside = jobs.find(({ job }) => job.includes('inside'))?.job ?? '';
    expect(heddle('show', `/${inside}`).stdout).toMatch(
      new RegExp(`^container +${image} \\(sha256:[0-9a-f]{64}\\), by podman$`, 'm'),
    );
    expect(heddle('logs', `/${inside}`).stdout).toContain('root:x:0:0:root:/root:/bin/sh');
    await giveBack(project);
  });

  test('an earlier result stands while the image is what it was', async () => {
    const project = ownFolder('line');
    const moving = 'localhost/heddle/cached:1';
    writeFileSync(join(project, 'flow.ts'), CACHED);
    const podman = (...args: readonly string[]): void => {
      expect(spawnSync(runtime, args)).toMatchObject({ status: 0 });
    };
    const counts = (): unknown => {
      const run = spawnSync(process.execPath, [BIN, 'run', 'flow.ts', '--container', moving, '--json'], {
        cwd: project,
        encoding: 'utf8',
      });
      return (JSON.parse(run.stdout) as { cached?: number }).cached ?? 0;
    };
    podman('tag', image, moving);
    const cached = [counts(), counts()];
    podman('create', '--name', 'heddle-cached', '--network', 'none', image, 'true');
    podman('commit', '--change', 'ENV MARK=other', 'heddle-cached', moving);
    podman('rm', 'heddle-cached');
    cached.push(counts(), counts());
    podman('untag', moving);

    expect(cached).toEqual([0, 1, 0, 1]);
    await giveBack(project);
  });
});
