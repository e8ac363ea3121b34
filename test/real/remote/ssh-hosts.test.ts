import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openDepot } from '../../../src/backends/depot/index.ts';
import { hostsBackend } from '../../../src/backends/remote/index.ts';
import { sshTransport } from '../../../src/backends/transport/index.ts';
import type { Backend, ResolvedWork } from '../../../src/model/index.ts';
import { systemClock } from '../../../src/process/index.ts';
import { type BackendFixture, BackendRig, backendCasesFor } from '../../../src/testing/index.ts';
import { backendFixture } from '../../backend-fixture.ts';
import { ownFolder, giveBack } from '../../own-folder.ts';
import { requireComponent } from '../components/components.ts';
import { SshHosts } from '../ssh/hosts.ts';

const sshd = await requireComponent('sshd');

describe.skipIf(!sshd.available)('machines behind ssh', () => {
  const hosts = new SshHosts(sshd.available ? sshd.env : {});

  function machines(names: readonly string[], sockets: string, config: string = hosts.config): Backend {
    return hostsBackend({
      name: 'machines',
      hosts: names.map((host) => {
        const transport = sshTransport({ host, clock: systemClock, config, controlDirectory: sockets });
        const depot = openDepot({ transport, root: `~/remote-${host}`, clock: systemClock });
        return { name: host, transport, depot, slots: 100 };
      }),
      settings: { pollMs: { floor: 100, ceiling: 500 }, withdrawMs: 200, loginRetryMs: 200 },
    });
  }

  function fixture(backend: (sockets: string) => Backend): BackendFixture {
    const sockets = ownFolder('s');
    const made = backendFixture('ssh', backend(sockets), { successor: () => backend(sockets) });
    // Who works there is another user: what is made here is for all.
    process.umask(0);
    for (let path = made.directory; path !== tmpdir(); path = dirname(path)) chmodSync(path, 0o777);
    return {
      ...made,
      [Symbol.asyncDispose]: async () => {
        await made[Symbol.asyncDispose]();
        await giveBack(sockets);
      },
    };
  }

  const shell = (text: string): ResolvedWork => ({
    kind: 'command',
    text,
    inputs: [],
    outputs: [{ name: 'out', path: 'out', type: 'text' }],
    environment: {},
  });

  test.each(backendCasesFor(['commands', 'recoverable', 'successor']))('$name', async (backendCase) => {
    await backendCase.run(() => Promise.resolve(fixture((sockets) => machines(['h1', 'h2'], sockets))));
  });

  test('F35: a machine that goes away takes nothing with it: unreachable, its place withdrawn, then all is well', async () => {
    await using made = fixture((sockets) => machines(['h1', 'h2'], sockets));
    await using rig = await BackendRig.open(made);
    const go = join(made.directory, 'go');
    const order = rig.order(shell(`while [ ! -e '${go}' ]; do sleep 0.05; done; echo well >out`));
    await rig.launch([{ ...order, grant: { place: 'h2', cpus: 1 } }]);
    await rig.until(
      () => rig.of(order).some((event) => event.kind === 'phase' && event.phase === 'active') || undefined,
      'no start',
    );

    const connections = hosts.connections('h2');
    for (const pid of [hosts.listener('h2'), ...connections]) process.kill(pid, 'SIGKILL');
    await rig.until(() => rig.of(order).some(({ kind }) => kind === 'unreachable') || undefined, 'nobody noticed');
    const offered = (): readonly string[] =>
      rig.events.flatMap((event) => (event.kind === 'places' ? [event.places.map(({ name }) => name).join(' ')] : []));
    await rig.until(() => offered().includes('h1') || undefined, 'its place is still offered');
    writeFileSync(go, '');
    await requireComponent('sshd');

    expect(await rig.end(order)).toMatchObject({ kind: 'ended', outcome: { kind: 'ok' } });
    expect(readFileSync(join(order.directory, 'out'), 'utf8')).toBe('well\n');
    await rig.until(() => offered().at(-1) === 'h1 h2' || undefined, 'its place never came back');
  });

  test("inputs and the project's programs are there, outputs come back byte for byte, and what lay there goes with its release", async () => {
    await using made = fixture((sockets) => machines(['h1'], sockets));
    const bytes = randomBytes(1_500_000);
    const input = join(made.project, 'a b.bin');
    writeFileSync(input, bytes);
    mkdirSync(join(made.project, 'bin'));
    writeFileSync(join(made.project, 'bin', 'turn'), '#!/bin/sh\ntr "\\000-\\377" "\\001-\\377\\000" <"$1"\n', {
      mode: 0o755,
    });
    await using rig = await BackendRig.open(made);
    const order = rig.order({
      kind: 'command',
      text: "turn 'inputs/dä ta/$x.bin' >'out put.bin'; pwd >where; test ! -w 'inputs/dä ta/$x.bin' || test \"$(id -u)\" = 0",
      inputs: [{ name: 'dä ta/$x.bin', at: input }],
      outputs: [
        { name: 'out', path: 'out put.bin', type: 'file' },
        { name: 'where', path: 'where', type: 'text' },
      ],
      environment: {},
    });
    await rig.launch([order]);

    expect(await rig.end(order)).toMatchObject({ kind: 'ended', outcome: { kind: 'ok' } });
    expect(readFileSync(join(order.directory, 'out put.bin')).equals(bytes.map((byte) => (byte + 1) & 255))).toBe(true);
    const there = readFileSync(join(order.directory, 'where'), 'utf8').trim();
    expect(existsSync(there)).toBe(true);
    rig.backend.release([order.attempt]);
    await rig.until(() => !existsSync(there) || undefined, 'it was left lying there');
    const phases = rig.of(order).flatMap((event) => (event.kind === 'phase' ? [event.phase] : []));
    expect(phases.filter((phase) => phase.startsWith('staging'))).toEqual(['staging-in', 'staging-out']);
  });

  test('a key that is refused: nothing is offered, people are told what mends it, and then it goes on', async () => {
    const own = ownFolder('login');
    const config = join(own, 'config');
    const good = readFileSync(hosts.config, 'utf8');
    writeFileSync(config, good.replaceAll(hosts.path('id'), join(own, 'nobody')));
    {
      await using made = fixture((sockets) => machines(['h1'], sockets, config));
      await using rig = await BackendRig.open(made);
      expect(rig.places).toEqual([]);
      const asked = rig.events.filter(({ kind }) => kind === 'access');
      expect(asked).toMatchObject([{ needs: { mend: expect.stringMatching(/^ssh .*h1/) as string } }]);

      writeFileSync(config, good);
      await rig.until(
        () => rig.events.some((event) => event.kind === 'access' && event.needs === undefined) || undefined,
        'still asked',
      );
      const order = { ...rig.order(shell('echo in >out')), grant: { place: 'h1', cpus: 1 } };
      await rig.launch([order]);
      expect(await rig.end(order)).toMatchObject({ kind: 'ended', outcome: { kind: 'ok' } });
    }
    expect(existsSync(own)).toBe(true);
    await giveBack(own);
  });
});
