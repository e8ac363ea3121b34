import { describe, expect, test } from 'vitest';
import { readProcess, systemClock } from '../../process/index.ts';
import { localTransport, type RunAnswer } from './index.ts';

function textOf(answer: RunAnswer): string {
  if (answer.kind !== 'ended') throw new Error(JSON.stringify(answer));
  return Buffer.from(answer.stdout).toString('utf8');
}

describe('the way to this machine', () => {
  test('tells what a script says and how it ends, whatever it is', async () => {
    await using transport = localTransport({ clock: systemClock });

    expect(await transport.run('echo err >&2; exit 255')).toMatchObject({ kind: 'ended', code: 255, stderr: 'err\n' });
    expect(await transport.run('if then')).toMatchObject({ kind: 'ended', code: 2 });
    expect(await transport.run('exec false')).toMatchObject({ kind: 'ended', code: 1 });
    expect(textOf(await transport.run('printf %s "$1$t$n$s$l$e$c"; cat', { input: 'in\0put' }))).toBe('in\0put');
    expect(await transport.run('kill -9 $$')).toMatchObject({ kind: 'unreachable', began: true });
  });

  test('lets go of what takes too long, says too much or is not wanted any more, with all it started', async () => {
    await using transport = localTransport({ clock: systemClock });

    expect(await transport.run('sleep 60', { timeoutMs: 200 })).toMatchObject({ kind: 'unreachable', began: true });
    expect(await transport.run('cat /dev/zero', { maxOutputBytes: 1e5 })).toMatchObject({ kind: 'unreachable' });
    const stop = new AbortController();
    const unwanted = transport.run('sleep 60', { signal: stop.signal });
    stop.abort(new Error('unwanted'));
    await expect(unwanted).rejects.toThrow('unwanted');
    await expect(transport.run('true', { signal: stop.signal })).rejects.toThrow('unwanted');
  });

  test('does not wait for what a script leaves in the background, and leaves it alone', async () => {
    const transport = localTransport({ clock: systemClock });

    const pid = Number(textOf(await transport.run('sleep 60 & echo $!')));
    await transport[Symbol.asyncDispose]();

    expect(readProcess(pid)?.state).toMatch(/^[RS]$/);
    process.kill(pid, 'SIGKILL');
  });

  test('a program has its streams here, and ends with them', async () => {
    await using transport = localTransport({ clock: systemClock });

    const connection = transport.connect('cat; exit 7');
    connection.input.write('abc');
    connection.input.end('\0def');
    let said = '';
    for await (const chunk of connection.output) said += String(chunk);

    expect(said).toBe('abc\0def');
    expect((await connection.ended).answer).toMatchObject({ kind: 'ended', code: 7 });
  });
});
