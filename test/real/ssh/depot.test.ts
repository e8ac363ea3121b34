import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Depot, type DepotFile, openDepot } from '../../../src/backends/depot/index.ts';
import { type Connection, sshTransport, type Transport } from '../../../src/backends/transport/index.ts';
import { systemClock } from '../../../src/process/index.ts';
import { requireComponent } from '../components/components.ts';
import { SshHosts } from './hosts.ts';

const sshd = await requireComponent('sshd');

describe.skipIf(!sshd.available)('the files of a machine behind ssh', () => {
  const hosts = new SshHosts(sshd.available ? sshd.env : {});
  let home: string;
  let root: string;

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'h-depot-'));
    root = hosts.path('home-plain', '.heddle-test');
  });
  afterEach(() => {
    rmSync(home, { recursive: true, force: true });
    rmSync(root, { recursive: true, force: true });
  });

  function reach(host: string): Transport {
    return sshTransport({ host, clock: systemClock, config: hosts.config });
  }

  function open(transport: Transport, at = '~/.heddle-test'): Depot {
    return openDepot({ transport, root: at, clock: systemClock });
  }

  function source(name: string, content: Uint8Array | string): DepotFile {
    const from = join(home, `${readdirSync(home).length}`);
    writeFileSync(from, content);
    return { name, from, sha256: createHash('sha256').update(content).digest('hex') };
  }

  test.each(['h1', 'noisy'])('thousands of files go there and come back in a few trips: %s', async (host) => {
    await using transport = reach(host);
    const depot = open(transport);
    const there = await depot.root();
    if (there.kind !== 'done') throw new Error(JSON.stringify(there));
    const content = Array.from({ length: 50 }, (_, n) => source(`in/ü ${n}`, `content ${n}`));
    const jobs = Array.from({ length: 400 }, (_, n) => ({
      at: `${there.path}/jobs/run 1/-job${n}`,
      files: [
        ...content.slice(0, 4),
        { ...content[n % 50], name: "in/it's\\this" } as DepotFile,
        { name: 'command.sh', from: content[0]?.from ?? '' },
      ],
    }));

    expect(await depot.send(jobs)).toEqual({ kind: 'done' });
    const back = jobs.map(({ at }, n) => ({
      from: at,
      to: join(home, 'back', `${n}`),
      files: ["in/it's\\this", 'none'],
    }));
    expect(await depot.fetch(back)).toEqual({ kind: 'done' });

    for (const [n, { to }] of back.entries()) {
      expect(readFileSync(join(to, "in/it's\\this"), 'utf8')).toBe(`content ${n % 50}`);
    }
    expect(readdirSync(join(there.path, 'jobs', 'run 1')).length).toBe(400);
    expect(await depot.remove([`${there.path}/jobs`])).toEqual({ kind: 'done' });
    expect(readdirSync(there.path).sort()).toEqual(['files', 'tmp']);
    rmSync(there.path, { recursive: true });
  });

  test('50 MB of any bytes arrive as they are, both ways', async () => {
    const bytes = randomBytes(50 * 1024 * 1024);
    await using transport = reach('h1');
    const depot = open(transport);

    expect(await depot.send([{ at: join(root, 'job'), files: [source('big', bytes)] }])).toEqual({ kind: 'done' });
    expect(await depot.fetch([{ from: join(root, 'job'), to: join(home, 'back'), files: ['big'] }])).toEqual({
      kind: 'done',
    });

    expect(bytes.equals(readFileSync(join(home, 'back', 'big')))).toBe(true);
  });

  test.skipIf(hosts.small === undefined)('F35: a full disk there is told, and goes when there is room', async () => {
    const small = join(hosts.small ?? '', 'depot');
    await using transport = reach('h1');
    const depot = open(transport, small);
    const at = join(small, 'job');
    const files = [source('big', randomBytes(2 * 1024 * 1024))];

    const answer = await depot.send([{ at, files }]);

    expect(answer).toMatchObject({
      kind: 'refused',
      retryable: true,
      why: expect.stringMatching(/the disk is full/),
    });
    expect(existsSync(at)).toBe(false);
    expect([...readdirSync(join(small, 'files')), ...readdirSync(join(small, 'tmp'))]).toEqual([]);
    expect(await depot.send([{ at, files: [source('small', 'fits')] }])).toEqual({ kind: 'done' });
    expect(await depot.remove([at])).toEqual({ kind: 'done' });
    rmSync(small, { recursive: true });
  });

  test.skipIf(hosts.small === undefined)('where no link can be made, there is a copy', async () => {
    const at = join(hosts.small ?? '', 'job');
    await using transport = reach('h1');
    const depot = open(transport);

    expect(await depot.send([{ at, files: [source('in/a', 'copied'), source('b', 'too')] }])).toEqual({ kind: 'done' });

    expect(readFileSync(join(at, 'in', 'a'), 'utf8')).toBe('copied');
    expect(statSync(join(at, 'b'))).toMatchObject({ nlink: 1 });
    expect(await depot.remove([at])).toEqual({ kind: 'done' });
  });

  test('F35: a connection that is cut on the way leaves nothing half, and it may be sent again', async () => {
    await using transport = reach('h2');
    let cutAfter = 4 * 1024 * 1024;
    // Cuts every connection to the host once so much has been written to one.
    const cutting: Transport = {
      ...{ name: transport.name, key: transport.key, sharesFiles: false },
      run: (script, options) => transport.run(script, options),
      connect: (script): Connection => {
        const connection = transport.connect(script);
        const write = connection.input.write.bind(connection.input) as (chunk: Buffer) => boolean;
        connection.input.write = (chunk: string | Uint8Array): boolean => {
          cutAfter -= chunk.length;
          if (cutAfter < 0 && cutAfter + chunk.length >= 0) hosts.drop('h2');
          return write(chunk as Buffer);
        };
        return connection;
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
    const depot = open(cutting);
    const at = join(root, 'job');
    const files = [source('big', randomBytes(20 * 1024 * 1024)), source('small', 'small')];

    expect((await depot.send([{ at, files }])).kind).toBe('unreachable');

    const left = execFileSync('find', [join(root, 'files'), '-type', 'f'], { encoding: 'utf8' });
    expect({ left, made: existsSync(at) }).toEqual({ left: '', made: false });
    expect(await depot.send([{ at, files }])).toEqual({ kind: 'done' });
    expect(statSync(join(at, 'big')).size).toBe(20 * 1024 * 1024);
  });
});
