import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hostsBackend } from '../../../src/backends/remote/index.ts';
import { localTransport, type Transport } from '../../../src/backends/transport/index.ts';
import type { Backend, ResolvedWork } from '../../../src/model/index.ts';
import { systemClock } from '../../../src/process/index.ts';
import { BackendRig } from '../../../src/testing/index.ts';
import { backendFixture } from '../../backend-fixture.ts';

function machines(...names: readonly string[]): Backend {
  return hostsBackend({
    name: 'machines',
    hosts: names.map((name) => ({ name, transport: localTransport({ clock: systemClock }), slots: 2 })),
    settings: { pollMs: { floor: 50, ceiling: 200 }, settleMs: 500 },
  });
}

function shell(text: string): ResolvedWork {
  return { kind: 'command', text, inputs: [], outputs: [], environment: {} };
}

// Whoever is left behind makes the fixture fail.
test('cancelled, nothing of it lives on: neither who ignores TERM nor who made itself a session of its own', async () => {
  await using fixture = backendFixture('hosts', machines('one'));
  await using rig = await BackendRig.open(fixture);
  const ready = join(fixture.directory, 'ready');
  const stubborn = `trap "" TERM; : >'${ready}'; while :; do sleep 1; done`;
  const order = rig.order(shell(`setsid sh -c ${JSON.stringify(stubborn).replaceAll('$', '\\$')} & sleep 600`));
  await rig.launch([order]);
  await rig.until(() => existsSync(ready) || undefined, 'it never began');

  rig.backend.cancel(order.attempt, 100);

  expect(await rig.end(order)).toEqual({ kind: 'ended', outcome: { kind: 'cancelled', by: 'user' } });
});

test('what runs when its engine dies is found again, collected when it ends, and fenced when it never began', async () => {
  await using fixture = backendFixture('hosts', machines('one'));
  const go = join(fixture.directory, 'go');
  const first = await BackendRig.open(fixture);
  const runs = first.order(shell(`while [ ! -e '${go}' ]; do sleep 0.02; done; exit 5`));
  const over = first.order(shell('exit 6'));
  const never = first.order(shell('exit 7'));
  await first.launch([runs, over]);
  await first.end(over);
  await first[Symbol.asyncDispose]();

  await using second = await BackendRig.open({ ...fixture, backend: machines('one') });
  const answers = await Promise.all([runs, over, never].map(async (order) => await second.recover(order)));
  await second.launch([first.order(shell(`touch '${go}'`))]);

  expect(answers[0]).toMatchObject({ kind: 'running', phase: 'active', startedAt: expect.any(Number) as number });
  expect(answers[2]).toMatchObject({ kind: 'gone', neverStarted: true });
  expect(await second.end(runs)).toMatchObject({ outcome: { kind: 'exit', code: 5 } });
  expect(await second.settle(over)).toMatchObject({ outcome: { kind: 'exit', code: 6 } });
  // An order that comes late starts nothing.
  await second.launch([never]);
  expect(await second.end(never)).toEqual({ kind: 'gone' });
});

test('whoever ran it was killed and wrote nothing: what is left of it is ended, and it is lost', async () => {
  await using fixture = backendFixture('hosts', machines('one'));
  await using rig = await BackendRig.open(fixture);
  const order = rig.order(shell('sleep 600'));
  await rig.launch([order]);
  const started = join(order.directory, 'started.json');
  await rig.until(() => existsSync(started) || undefined, 'it never began');
  const { wrapper } = JSON.parse(readFileSync(join(order.directory, 'claim'), 'utf8')) as { readonly wrapper: number };

  process.kill(wrapper, 'SIGKILL');

  expect(await rig.end(order)).toEqual({ kind: 'gone' });
  expect(rig.of(order).at(-1)).toMatchObject({ why: 'whoever ran it on one is dead, and left no record' });
});

test('each machine is a place, and a name is one machine', async () => {
  await using fixture = backendFixture('hosts', machines('one', 'two'));
  await using rig = await BackendRig.open(fixture);

  expect(rig.places).toMatchObject([
    { name: 'one', cpus: 2 },
    { name: 'two', cpus: 2 },
  ]);
  expect(() => machines('one', 'one')).toThrow("target 'machines' has two hosts named 'one'");
});

test('a clock over there that is an hour ahead changes no times here', async () => {
  const local = localTransport({ clock: systemClock });
  const ahead: Transport = {
    name: local.name,
    key: local.key,
    sharesFiles: true,
    run: (script, options) => local.run(script.replace('$(date +%s)', '$(($(date +%s) + 3600))'), options),
    connect: (script) => local.connect(script),
    [Symbol.asyncDispose]: () => local[Symbol.asyncDispose](),
  };
  const backend = hostsBackend({
    name: 'machines',
    hosts: [{ name: 'one', transport: ahead, slots: 1 }],
    settings: { pollMs: { floor: 50, ceiling: 200 } },
  });
  await using fixture = backendFixture('hosts', backend);
  await using rig = await BackendRig.open(fixture);
  const order = rig.order(shell('true'));
  await rig.launch([order]);
  await rig.end(order);

  // Its wrapper wrote down the time as it is here: by the clock over there that was an hour ago.
  const record = JSON.parse(readFileSync(join(order.directory, 'exit.json'), 'utf8')) as { readonly ended: number };
  const { endedAt = 0 } = rig.of(order).at(-1) as { readonly endedAt?: number };
  expect(Math.round((record.ended - endedAt) / 60_000)).toBe(60);
});
