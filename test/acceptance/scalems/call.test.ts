import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { command, Engine, functionCallToCommand, readCallResult, workflow } from 'heddle';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { giveBack, ownFolder } from '../../own-folder.ts';
import { bonds, relax, whereAmI } from './chain.ts';

/** scalems: a function call becomes a subprocess, and its wrapped result the function's own: value or exception. */

let directory = '';
beforeEach(() => {
  directory = ownFolder('scalems');
});
afterEach(() => giveBack(directory));

const positions = Float64Array.of(0, 1.1, 2.3, 3.2);
const species = ['O', 'H', 'H', 'O'];

/** Runs a command as a shell or a batch system would. */
function runCommand([program = '', ...args]: readonly string[], cwd = directory) {
  return spawnSync(program, args, { cwd, encoding: 'utf8' });
}

describe('a call as a command', () => {
  test('gives what the direct call gives', async () => {
    const call = functionCallToCommand(bonds, [positions, species], { directory });

    const { status } = runCommand(call.argv);

    expect(status).toBe(0);
    expect(await readCallResult(call.resultFile)).toEqual(bonds(positions, species));
  });

  test('throws what the direct call throws', async () => {
    const call = functionCallToCommand(relax, [100, { maxSteps: 3 }], { directory });

    const { status } = runCommand(call.argv);
    const [far, near] = await Promise.all([
      readCallResult(call.resultFile).catch((error: unknown) => error),
      relax(100, { maxSteps: 3 }).catch((error: unknown) => error),
    ]);

    expect(status).toBe(1);
    expect(far).toBeInstanceOf(RangeError);
    expect(facts(far)).toEqual(facts(near));
    expect((far as Error).stack).toContain('chain.ts');
  });

  test('runs where it is started, with its environment, and writes to its own stdout', async () => {
    const call = functionCallToCommand(whereAmI, [], { directory, label: 'hello', environment: { GREETING: 'hi' } });

    const { stdout, status } = runCommand(call.argv);

    expect({ stdout, status }).toEqual({ stdout: 'hello world\n', status: 0 });
    expect(call.callFile).toBe(join(directory, 'hello-call.json'));
    expect(await readCallResult(call.resultFile)).toEqual({ directory, greeting: 'hi' });
    expect(JSON.parse(readFileSync(call.resultFile, 'utf8'))).toMatchObject({ directory });
  });

  test('is told by another host where the project lies there', async () => {
    const project = import.meta.dirname;
    const call = functionCallToCommand(bonds, [positions, species], { directory, project });

    expect(JSON.parse(readFileSync(call.callFile, 'utf8'))).toMatchObject({ call: { module: './chain.ts' } });
    expect(runCommand(call.argv, project).status).toBe(0);
    expect(await readCallResult(call.resultFile)).toEqual(bonds(positions, species));
  });

  test('is a job like any other: what its function throws fails the job, and is there to be read', async () => {
    const good = functionCallToCommand(bonds, [positions, species], { directory });
    const bad = functionCallToCommand(relax, [100, { maxSteps: 3 }], { directory });
    const call = command('call', { run: ({ argv }: { argv: readonly string[] }) => [...argv] });
    await using engine = await Engine.open();

    const run = await engine.run(workflow('two calls', () => [call({ argv: good.argv }), call({ argv: bad.argv })]));
    await run.wait();

    expect(run.view().counts).toMatchObject({ done: 1, failed: 1 });
    expect(await readCallResult(good.resultFile)).toEqual(bonds(positions, species));
    await expect(readCallResult(bad.resultFile)).rejects.toThrow('no convergence in 3 steps');
  });
});

describe('wrapped results', () => {
  test('are not there before the call has ended, and say so', async () => {
    const call = functionCallToCommand(bonds, [positions, species], { directory });

    await expect(readCallResult(call.resultFile)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });

  test('two calls of one function do not meet', async () => {
    const [one, two] = [3, 5].map((force) => functionCallToCommand(relax, [force, { maxSteps: 99 }], { directory }));
    if (one === undefined || two === undefined) throw new Error('two calls');

    expect([runCommand(one.argv).status, runCommand(two.argv).status]).toEqual([0, 0]);
    expect(await readCallResult(one.resultFile)).toBe(await relax(3, { maxSteps: 99 }));
    expect(await readCallResult(two.resultFile)).toBe(await relax(5, { maxSteps: 99 }));
  });

  test('a call that can not be read is bad input, and leaves no result', () => {
    const call = functionCallToCommand(bonds, [positions, species], { directory });
    const heddle = call.argv.slice(0, -2);
    const result = join(directory, 'none.json');
    const broken = join(directory, 'broken.json');
    writeFileSync(broken, '{"format": "heddle-call/1", "args": [');

    const { status, stderr } = runCommand([...heddle, broken, result]);

    expect(status).toBe(2);
    expect(stderr).toContain('it is no JSON');
    expect(runCommand([...heddle, join(directory, 'missing.json'), result]).status).toBe(3);
    expect(runCommand(heddle).status).toBe(2);
    expect(existsSync(result)).toBe(false);
  });
});

function facts(thrown: unknown): object {
  const { name, message, code, cause } = thrown as Error & { readonly code: string };
  return { name, message, code, cause: (cause as Error).message };
}
