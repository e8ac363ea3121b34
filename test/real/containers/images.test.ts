import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readContainer } from '../../../src/backends/containers/index.ts';
import { asRunId } from '../../../src/model/index.ts';
import { ContainerBench, labs } from './lab.ts';

const found = await labs('podman', 'docker');

describe.each(found)('images of $runtime', ({ runtime, image }) => {
  const name = `${runtime === 'podman' ? 'localhost/' : ''}heddle/moving:1`;
  /** Points the name at an image of its own, whose only mark is a variable. */
  const point = (mark: string): void => {
    const container = execFileSync(runtime, ['create', '--network', 'none', image, 'true'], {
      encoding: 'utf8',
    }).trim();
    execFileSync(runtime, ['commit', '--change', `ENV MARK=${mark}`, container, name], { stdio: 'ignore' });
    execFileSync(runtime, ['rm', container], { stdio: 'ignore' });
  };

  test('a run goes on with the image it began with, wherever its name points by now', async () => {
    await using bench = await ContainerBench.open({ runtime, image: name });
    point('first');
    const first = await bench.outcome(bench.order('echo $MARK'));
    point('second');
    const again = await bench.outcome(bench.order('echo $MARK'));
    const elsewhere = bench.order('echo $MARK');
    const directory = elsewhere.directory.replace('/r-test/', '/r-other/');
    const other = await bench.outcome({ ...elsewhere, run: asRunId('r-other'), directory });

    const marks = [first, again, other].map(({ order }) => readFileSync(join(order.directory, 'stdout'), 'utf8'));
    expect(marks).toEqual(['first\n', 'first\n', 'second\n']);
    const digests = [first, again, other].map(({ order }) => readContainer(order.directory)?.digest);
    expect(digests[1]).toBe(digests[0]);
    expect(digests[2]).not.toBe(digests[0]);
    execFileSync(runtime, ['rmi', '-f', name], { stdio: 'ignore' });
  });

  test('an archive is loaded, and told by its content', async () => {
    await using bench = await ContainerBench.open({ runtime, image });
    const archive = join(bench.bench.project, 'an archive.tar');
    execFileSync(runtime, ['save', '-o', archive, image], { stdio: 'ignore' });

    const { order, outcome } = await bench.outcome(bench.order('echo works', { container: { image: archive } }));

    expect(outcome).toMatchObject({ kind: 'ok' });
    const sha256 = hash('sha256', readFileSync(archive));
    expect(readContainer(order.directory)).toMatchObject({ image: archive, digest: `sha256:${sha256}` });
  });
});

describe.each(await labs('charliecloud'))('an unpacked image', ({ image }) => {
  test.each(['podman', 'bubblewrap', 'charliecloud'] as const)('is run by %s, and told by its age', async (runtime) => {
    await labs('podman');
    await using bench = await ContainerBench.open({ runtime, image });

    const { order, outcome } = await bench.outcome(bench.order('test -e /bin/busybox; touch /bin/new || true'));

    expect(outcome).toMatchObject({ kind: 'ok' });
    expect(readContainer(order.directory)?.digest).toBe(`dir:${Math.floor(statSync(image).mtimeMs / 1000)}`);
    expect(existsSync(join(image, 'bin/new'))).toBe(false);
  });
});
