import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { needed } from '../../needed.ts';
import { smallDisk } from '../../small-disk.ts';
import { Bench } from './harness.ts';

const disk = smallDisk();
const canMount = needed(disk !== undefined, 'a full disk: no file system can be mounted here');

test('a launcher that cannot be started is a refusal that may pass', async () => {
  await using bench = await Bench.open({ shell: { command: ['/no/such/shell'], isolation: 'groups' } });

  expect(await bench.backend.launch([bench.order('true')])).toMatchObject([
    { kind: 'refused', retryable: true, why: expect.stringContaining('cannot start') },
  ]);
});

test.skipIf(!canMount)('a full disk refuses for a while, loses nothing, and goes on when there is room', async () => {
  const at = disk as string;
  mkdirSync(join(at, 'store'));
  {
    await using bench = await Bench.open({ at });
    const ballast = join(at, 'ballast');
    expect(await bench.run('true')).toMatchObject({ kind: 'ok' });
    expect(fill(ballast)).toBe('ENOSPC');

    const answers = await bench.backend.launch([bench.order('true')]);
    rmSync(ballast);
    const after = await bench.run('true');

    expect(answers).toMatchObject([{ kind: 'refused', retryable: true, why: expect.stringContaining('ENOSPC') }]);
    expect(after).toMatchObject({ kind: 'ok' });
  }
  execFileSync('umount', [at]);
  rmSync(at, { recursive: true });
});

test.skipIf(!canMount)('a disk that is full when a job ends does not change how it ended', async () => {
  const at = smallDisk() as string;
  mkdirSync(join(at, 'store'));
  {
    await using bench = await Bench.open({ at });

    const outcome = await bench.run('while head -c 4096 /dev/zero >> ballast; do :; done 2>/dev/null; exit 6');

    expect(outcome).toMatchObject({ kind: 'exit', code: 6 });
    rmSync(join(at, 'store', 'work'), { recursive: true });
    expect(await bench.run('true')).toMatchObject({ kind: 'ok' });
  }
  execFileSync('umount', [at]);
  rmSync(at, { recursive: true });
});

function fill(path: string): string {
  try {
    for (let n = 0; n < 1000; n += 1) writeFileSync(path, Buffer.alloc(4096), { flag: 'a' });
    return 'never full';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? '';
  }
}
