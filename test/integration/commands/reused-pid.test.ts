import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { AttemptOrder } from '../../../src/model/index.ts';
import { bootId, isAlive, readProcess } from '../../../src/process/index.ts';
import { needed } from '../../needed.ts';
import { Bench, SHELLS, until } from './harness.ts';

const LAST_PID = '/proc/sys/kernel/ns_last_pid';

/** Whether the kernel lets us say which pid comes next. */
function canChoosePids(): boolean {
  try {
    writeFileSync(LAST_PID, readFileSync(LAST_PID));
    return true;
  } catch {
    return needed(false, `pids used again: ${LAST_PID} cannot be written; it takes root`);
  }
}

const strangers: ChildProcess[] = [];

/** Starts a process that has nothing to do with Heddle, leading a group of its own, under a pid that was another's. */
async function strangerAs(pid: number): Promise<ChildProcess> {
  for (let tries = 0; tries < 500; tries += 1) {
    writeFileSync(LAST_PID, String(pid - 1));
    const stranger = spawn('sleep', ['60'], { cwd: '/', env: {}, stdio: 'ignore', detached: true });
    strangers.push(stranger);
    if (stranger.pid === pid) return stranger;
    // Somebody else on this machine forked in between.
    stranger.kill('SIGKILL');
    await once(stranger, 'exit');
  }
  throw new Error(`pid ${pid} could not be had again`);
}

afterEach(async () => {
  for (const stranger of strangers.splice(0)) {
    if (stranger.exitCode !== null || stranger.signalCode !== null) continue;
    stranger.kill('SIGKILL');
    await once(stranger, 'exit');
  }
});

/**
 * A launcher whose builtin does what it does, and then waits in the attempt's directory for `go`: the moment between
 * two of its steps, held open. `$2` is what `wait` waited for.
 */
function heldAfter(builtin: 'wait' | 'echo'): { readonly command: readonly string[]; readonly isolation: 'groups' } {
  const hold = `if [ ! -e "$d/held" ]; then printf '%s\\n' "$p" >"$d/held"; until [ -e "$d/go" ]; do /bin/sleep 0.02; done; fi`;
  const body =
    builtin === 'wait' ? `builtin wait "$@"; local status=$?; ${hold}; return $status` : `${hold}; builtin echo "$@"`;
  return { command: ['/usr/bin/env', `BASH_FUNC_${builtin}%%=() { ${body}; }`, '/bin/bash'], isolation: 'groups' };
}

/** Waits for the held moment, and has the job's pid taken by a stranger in it. */
async function takePidOf(order: AttemptOrder): Promise<ChildProcess> {
  const held = join(order.directory, 'held');
  await until(() => existsSync(held) && readFileSync(held, 'utf8').endsWith('\n'), 'the moment');
  const pid = Number(readFileSync(held, 'utf8'));
  expect(readProcess(pid)).toBeUndefined();
  const stranger = await strangerAs(pid);
  writeFileSync(join(order.directory, 'go'), '');
  return stranger;
}

const hasBash = SHELLS.some(({ name }) => name === 'bash');

describe.runIf(canChoosePids())('F08: a pid used again', () => {
  test.runIf(hasBash)(
    'by a stranger before the launcher has looked once more: the end is told all the same',
    async () => {
      await using bench = await Bench.open({ shell: heldAfter('wait') });
      const order = await bench.launch(bench.order('kill -KILL $$'));

      await takePidOf(order);

      expect(await bench.end(order)).toMatchObject({ kind: 'ended', outcome: { kind: 'signal', signal: 'SIGKILL' } });
    },
  );

  test.runIf(hasBash)('by a stranger before the end is told: he is left alone', async () => {
    await using bench = await Bench.open({ shell: heldAfter('echo') });
    const order = await bench.launch(bench.order('exit 3', { limits: { graceMs: 50 } }));

    const stranger = await takePidOf(order);

    expect(await bench.end(order)).toMatchObject({ kind: 'ended', outcome: { kind: 'exit', code: 3 } });
    // Had it been told to end, it would do so before it hears of this.
    stranger.kill('SIGXCPU');
    expect(await once(stranger, 'exit')).toEqual([null, 'SIGXCPU']);
  });

  test('by a stranger while no engine lived: what is recorded of a launcher is not him', async () => {
    await using bench = await Bench.open();
    const order = bench.order('true');
    const stranger = spawn('sleep', ['60'], { cwd: '/', env: {}, stdio: 'ignore', detached: true });
    strangers.push(stranger);
    const identity = readProcess(stranger.pid as number);
    if (identity === undefined) throw new Error('the stranger did not start');
    mkdirSync(order.directory, { recursive: true });
    const claim = { attempt: order.attempt, fence: 1, launcher: identity.pid, start: identity.start - 1 };
    const line = JSON.stringify({ ...claim, boot: bootId(), started: 1, host: 'here' });
    writeFileSync(join(order.directory, 'claim'), `${line}\n`);

    const [answer] = await bench.backend.recover([bench.query(order)]);

    expect(answer).toMatchObject({ kind: 'gone' });
    expect(isAlive(identity)).toBe(true);
    expect(existsSync(join(order.directory, 'fenced'))).toBe(true);
  });
});
