import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Engine, LocalJob } from '../../../src/jobs/index.ts';
import { needed } from '../../needed.ts';
import { smallDisk } from '../../small-disk.ts';

const disk = smallDisk();
const canMount = needed(disk !== undefined, 'a full disk: no file system can be mounted here');

afterAll(() => {
  if (disk === undefined) return;
  execFileSync('umount', [disk]);
  rmSync(disk, { recursive: true });
});

test.skipIf(!canMount)(
  'what is submitted and cancelled while the disk is full is done when there is room',
  async () => {
    const at = disk as string;
    const ballast = join(at, 'ballast');
    const isFull = Promise.withResolvers<void>();
    await using engine = await Engine.open({ store: join(at, 'store') });
    engine.logs.add((text) => {
      if (/takes no commits/.test(text)) isFull.resolve();
    });
    expect(await engine.execute(new LocalJob(Math.max, [1, 2]))).toBe(2);
    const gate = Promise.withResolvers<void>();
    // What they give is more than there may be room for in pages that are there already.
    const large = Array.from(
      { length: 100 },
      () => new LocalJob(async () => gate.promise.then(() => 'x'.repeat(2000)), [], { resumable: false }),
    );
    engine.submit(large);
    await Promise.all(large.map((job) => job.waitUntil('running')));

    fill(ballast);
    gate.resolve();
    await isFull.promise;
    const meanwhile = new LocalJob(Math.max, [3, 4]);
    const unwanted = new LocalJob(Math.max, [5, 6]);
    engine.submit(meanwhile, unwanted);
    const cancelled = unwanted.cancel();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(meanwhile.status).toBe('pending');
    rmSync(ballast);
    await cancelled;
    await engine.wait();

    expect(engine.jobs.count('done')).toBe(102);
    expect(await meanwhile.result()).toBe(4);
    expect(unwanted).toMatchObject({ status: 'cancelled', cause: 'user' });
  },
);

function fill(path: string): void {
  try {
    for (;;) writeFileSync(path, Buffer.alloc(4096), { flag: 'a' });
  } catch {
    // It is full.
  }
}
