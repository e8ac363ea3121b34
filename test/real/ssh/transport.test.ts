import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type SshOptions, sshTransport, type Transport } from '../../../src/backends/transport/index.ts';
import { systemClock } from '../../../src/process/index.ts';
import { requireComponent } from '../components/components.ts';
import { makeKey, ownSshProcesses, sshCommandLines, SshHosts, textOf, typeLine } from './hosts.ts';

const sshd = await requireComponent('sshd');

describe.skipIf(!sshd.available)('the way to a machine behind ssh', () => {
  const hosts = new SshHosts(sshd.available ? sshd.env : {});
  let home: string;
  let sockets: string;

  beforeEach(() => {
    // Sockets need a short path.
    home = mkdtempSync(join(tmpdir(), 'h-ssh-'));
    sockets = join(home, 's');
  });
  afterEach(() => {
    const left = existsSync(sockets) ? readdirSync(sockets) : [];
    rmSync(home, { recursive: true, force: true });
    expect({ left, running: ownSshProcesses() }).toEqual({ left: [], running: [] });
  });

  function open(host: string, options: Partial<SshOptions> = {}): Transport {
    return sshTransport({ host, clock: systemClock, config: hosts.config, controlDirectory: sockets, ...options });
  }

  /** A configuration of the test's own, in front of the hosts'. */
  function configure(text: string): string {
    const path = join(home, 'config');
    writeFileSync(path, `${text}\n${readFileSync(hosts.config, 'utf8')}`);
    return path;
  }

  /** The hosts' configuration, with another key. */
  function withKey(key: string): string {
    const path = join(home, 'config');
    const line = `IdentityFile ${hosts.path('id')}\n`;
    writeFileSync(path, readFileSync(hosts.config, 'utf8').replaceAll(line, `IdentityFile ${key}\n`));
    return path;
  }

  const answers = async (transport: Transport): Promise<void> => {
    const echo = await transport.run("printf 'out\\nno newline'; echo err >&2; exit 255", { input: 'unread' });
    expect(echo).toMatchObject({ kind: 'ended', code: 255, stderr: 'err\n' });
    expect(Buffer.from((echo as { stdout: Uint8Array }).stdout).toString()).toBe('out\nno newline');

    expect(textOf(await transport.run('cat', { input: 'a line\nmore' }))).toBe('a line\nmore');
  };

  test.each(['h1', 'noisy', 'greedy', 'csh', 'far', 'h3'])(
    'F35: what a script says is told from banners and start-up files, and reads its own input: %s',
    async (host) => {
      await using transport = open(host);

      await answers(transport);

      const connection = transport.connect('head -c 3; cat; exit 7');
      connection.input.write('abc');
      connection.input.end('\0def');
      let said = '';
      for await (const chunk of connection.output) said += String(chunk);
      expect(said).toBe('abc\0def');
      expect((await connection.ended).answer).toMatchObject({ kind: 'ended', code: 7 });
    },
  );

  test('200 scripts at once go over one login, and each gets its own answer', async () => {
    const before = hosts.logins('h1');
    await using transport = open('h1');

    const all = await Promise.all(Array.from({ length: 200 }, (_, n) => transport.run(`echo ${n}`)));

    expect(all.map(textOf)).toEqual(Array.from({ length: 200 }, (_, n) => `${n}\n`));
    expect(hosts.logins('h1') - before).toBe(1);
  });

  test('programs that stay get further connections, so that scripts are still run', async () => {
    await using transport = open('h1');

    const programs = Array.from({ length: 20 }, () => transport.connect('cat'));
    for (const [n, program] of programs.entries()) program.input.end(`${n}`);
    const said = await Promise.all(programs.map((program) => readAll(program.output)));

    expect(said.map(String)).toEqual(programs.map((_, n) => `${n}`));
  });

  test('50 MB of any bytes arrive as they are, both ways', async () => {
    const bytes = randomBytes(50 * 1024 * 1024);
    await using transport = open('h1');

    const sent = await transport.run('cat', { input: bytes });
    const connection = transport.connect('cat');
    connection.input.end(bytes);

    expect(sent.kind === 'ended' && bytes.equals(sent.stdout)).toBe(true);
    expect(bytes.equals(await readAll(connection.output))).toBe(true);
  });

  test('F35: over a slow line all arrives, in whatever pieces', async () => {
    const link = join(import.meta.dirname, 'slow-link.entry.ts');
    const config = configure(`Host h1\n  ProxyCommand ${process.execPath} ${link} %h %p`);
    const bytes = randomBytes(200_000);
    await using transport = open('h1', { config });

    const answer = await transport.run('cat; echo done >&2', { input: bytes });

    expect(answer).toMatchObject({ kind: 'ended', code: 0, stderr: 'done\n' });
    expect(answer.kind === 'ended' && bytes.equals(answer.stdout)).toBe(true);
  });

  test('F35: a connection that drops in the midst of a script is unreachable, and may have begun; the next one goes', async () => {
    await using transport = open('h2');
    const marker = join(hosts.path('home-plain'), `begun-${process.pid}`);
    const running = transport.run(`: >${marker}; sleep 60`);
    await until(() => existsSync(marker));
    rmSync(marker);

    hosts.drop('h2');

    expect(await running).toMatchObject({ kind: 'unreachable', began: true });
    expect(textOf(await transport.run('echo again'))).toBe('again\n');
  });

  test('a peer that is frozen is unreachable', async () => {
    await using transport = open('h2', { connectTimeoutMs: 3000 });
    textOf(await transport.run('true'));
    const frozen = hosts.connections('h2');
    for (const pid of frozen) process.kill(pid, 'SIGSTOP');

    const answer = await transport.run('echo nothing', { timeoutMs: 60_000 });

    for (const pid of frozen) process.kill(pid, 'SIGKILL');
    expect(answer).toMatchObject({ kind: 'unreachable', began: true });
    expect((answer as { why: string }).why).toMatch(/not responding/);
    expect(textOf(await transport.run('echo again'))).toBe('again\n');
  });

  test('a server that never answers has begun nothing', async () => {
    await using transport = open('h2', { connectTimeoutMs: 1000 });
    process.kill(hosts.listener('h2'), 'SIGSTOP');

    const answer = await transport.run('echo nothing');

    process.kill(hosts.listener('h2'), 'SIGCONT');
    expect(answer).toMatchObject({ kind: 'unreachable', began: false });
    expect((answer as { why: string }).why).toMatch(/timed out/);
  });

  test.each([
    ['h1', 'Connection refused'],
    ['nowhere.invalid', 'Could not resolve'],
  ])('nobody at %s: unreachable, and begun nothing', async (host, why) => {
    const config = host === 'h1' ? configure('Host h1\n  Port 1') : hosts.config;
    await using transport = open(host, { config });

    const answer = await transport.run('true');

    expect(answer).toMatchObject({ kind: 'unreachable', began: false });
    expect((answer as { why: string }).why).toContain(why);
  });

  test('an account without a login shell says why', async () => {
    await using transport = open('none');

    const answer = await transport.run('true');

    expect(answer).toMatchObject({ kind: 'unreachable', began: false });
    expect((answer as { why: string }).why).toContain('This account is currently not available.');
  });

  test('a connection that died is made anew; a hung one is noticed and ended', async () => {
    await using transport = open('h1', { connectTimeoutMs: 1000 });
    textOf(await transport.run('true'));

    for (const pid of ownSshProcesses()) process.kill(pid, 'SIGKILL');
    expect(textOf(await transport.run('echo first'))).toBe('first\n');

    const [master] = ownSshProcesses();
    if (master === undefined) throw new Error('no master');
    process.kill(master, 'SIGSTOP');
    // It never got as far as asking for a session: it is as if it had not been tried.
    expect(textOf(await transport.run('echo second'))).toBe('second\n');
    expect(ownSshProcesses()).not.toContain(master);
  });

  test('what takes too long, says too much or is not wanted any more is let go', async () => {
    await using transport = open('h1');
    textOf(await transport.run('true'));

    expect(await transport.run('sleep 60', { timeoutMs: 300 })).toMatchObject({ kind: 'unreachable', began: true });
    expect(await transport.run('cat /dev/zero', { maxOutputBytes: 1e6 })).toMatchObject({ kind: 'unreachable' });
    const stop = new AbortController();
    const unwanted = transport.run('sleep 60', { signal: stop.signal });
    stop.abort(new Error('unwanted'));
    await expect(unwanted).rejects.toThrow('unwanted');
  });

  test('F35: a changed host key wants its user, with a warning and the lines that mend it', async () => {
    const known = join(home, 'known');
    const other = readFileSync(hosts.path('h1', 'key.pub'), 'utf8').split(' ').slice(0, 2).join(' ');
    writeFileSync(known, `[127.0.9.2]:${hosts.port} ${other}\n`);
    const config = configure(`Host h2\n  UserKnownHostsFile ${known}\n  StrictHostKeyChecking yes`);
    await using transport = open('h2', { config });

    const answer = await transport.run('true');

    if (answer.kind !== 'login') throw new Error(JSON.stringify(answer));
    expect(answer.need.why).toMatch(/host key of \[127\.0\.9\.2\]:\d+ has changed: somebody may be listening/);
    const [forget, accept] = answer.need.mend.split(' && ');
    await typeLine(forget ?? '');
    expect(readFileSync(known, 'utf8')).toBe('');
    // A terminal would ask; nobody is there to answer.
    expect(accept).toBe(`ssh -F ${config} -o StrictHostKeyChecking=ask h2`);
    await typeLine(accept?.replace('=ask h2', '=no h2 true') ?? '');
    expect(textOf(await transport.run('echo in'))).toBe('in\n');
  });

  test('F35: a host key that nobody knows and a key that nobody wants are told apart', async () => {
    const none = join(home, 'none');
    appendFileSync(none, '');
    const unknown = configure(`Host h2\n  UserKnownHostsFile ${none}`);
    await using strangers = open('h2', { config: unknown });
    expect(await strangers.run('true')).toMatchObject({
      kind: 'login',
      need: { why: expect.stringMatching(/not known here/) },
    });

    await makeKey(join(home, 'other'), '');
    await using refused = open('h2', { config: withKey(join(home, 'other')) });
    expect(await refused.run('true')).toMatchObject({
      kind: 'login',
      need: { why: expect.stringMatching(/no key of ours/) },
    });
  });

  test('F35: where a password is wanted, the line that is told leaves a connection that is then used', async () => {
    const key = join(home, 'locked');
    await makeKey(key, 'open sesame');
    appendFileSync(hosts.path('authorized_keys'), readFileSync(`${key}.pub`, 'utf8'));
    const ask = join(home, 'ask');
    writeFileSync(ask, "#!/bin/sh\necho 'open sesame'\n", { mode: 0o755 });
    await using transport = open('h2', { config: withKey(key) });

    const answer = await transport.run('true');
    if (answer.kind !== 'login') throw new Error(JSON.stringify(answer));
    await typeLine(answer.need.mend, { SSH_ASKPASS: ask, SSH_ASKPASS_REQUIRE: 'force' });

    expect(textOf(await transport.run('echo in'))).toBe('in\n');
  });

  test('F35: a host that takes passwords says so', async () => {
    await makeKey(join(home, 'other'), '');
    await using transport = open('h3', { config: withKey(join(home, 'other')) });

    const answer = await transport.run('true');

    expect(answer).toMatchObject({
      kind: 'login',
      need: { why: expect.stringMatching(/password or a second factor/) },
    });
  });

  test("a connection of the user's own is used while it is there, and outlives ours", async () => {
    const path = join(home, 'mine');
    const config = configure(`Host h1\n  ControlPath ${path}`);
    await typeLine(`ssh -F ${config} -fNM h1`);
    const before = hosts.logins('h1');
    {
      await using transport = open('h1', { config });
      expect(textOf(await transport.run('echo theirs'))).toBe('theirs\n');
    }
    expect(hosts.logins('h1') - before).toBe(0);

    await using transport = open('h1', { config });
    textOf(await transport.run('true'));
    await typeLine(`ssh -F ${config} -O exit h1`);
    expect(textOf(await transport.run('echo ours'))).toBe('ours\n');
  });

  test('a killed process leaves no connection behind', async () => {
    const entry = join(import.meta.dirname, 'opener.entry.ts');
    const opener = spawn(process.execPath, [entry, 'h1', hosts.config, sockets], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(opener.stdout, 'data');
    const ours = (): number => sshCommandLines().filter((line) => line.includes(sockets)).length;
    expect(ours()).toBe(2);

    opener.kill('SIGKILL');

    await until(() => ours() === 0);
    rmSync(sockets, { recursive: true });
  });

  test('what runs when it is disposed is let go', async () => {
    const transport = open('h1');
    const running = transport.run('sleep 60');
    const connection = transport.connect('cat');
    textOf(await transport.run('true'));

    await transport[Symbol.asyncDispose]();

    expect(await running).toMatchObject({ kind: 'unreachable' });
    expect((await connection.ended).answer.kind).toBe('unreachable');
    expect(await transport.run('true')).toMatchObject({ kind: 'unreachable', began: false });
  });
});

async function readAll(stream: NodeJS.ReadableStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10));
}
