import { existsSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Json } from '../model/index.ts';
import { type CallFile, writeWhole } from './call-file.ts';
import { referenceTo } from './describe-function.ts';
import { encodeArguments } from './encode-arguments.ts';
import type { AnyFunction } from './local-functions.ts';
import { portableReference } from './portable.ts';

/** How a call is written as a command. */
export interface CallCommandOptions {
  /** Where the call is written, and its result will be; it has to be there. */
  readonly directory: string;
  /** The files are `<label>-call.json` and `<label>-result.json`. @default the function's name, and a number if taken */
  readonly label?: string;
  /** Modules below it are named from there, so that the project can lie elsewhere where the command runs. */
  readonly project?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** How heddle is called where the command runs. @default this very heddle, by this Node */
  readonly heddle?: readonly string[];
}

/** A call as a command line, and its two files. */
export interface CallCommand {
  readonly argv: readonly string[];
  readonly callFile: string;
  /** Written by the command, whole or not at all. */
  readonly resultFile: string;
}

/**
 * Writes a call down as one command, which can run on any host that has heddle and the function's module: `heddle exec CALL
 * RESULT`. Its result is read by `readCallResult`.
 *
 * @example
 * const call = functionCallToCommand(relax, [system, 300], { directory: 'calls' });
 * spawnSync(call.argv[0], call.argv.slice(1));
 * const relaxed = await readCallResult(call.resultFile);
 *
 * @throws {HeddleError} FUNCTION_CANNOT_TRAVEL, VALUE_INVALID
 */
export function functionCallToCommand<Arguments extends readonly unknown[]>(
  fn: (...parameters: Arguments) => unknown,
  args: Arguments,
  { directory, label, project, environment, heddle = ownHeddle() }: CallCommandOptions,
): CallCommand {
  const reference = referenceTo(fn as AnyFunction);
  const call: CallFile = {
    format: 'heddle-call/1',
    call: project === undefined ? reference : portableReference(reference, project),
    args: encodeArguments(args, () => undefined) as readonly Json[],
    ...(environment === undefined ? {} : { environment }),
  };
  const stem = join(resolve(directory), label ?? freeLabel(resolve(directory), fn.name || 'call'));
  const [callFile, resultFile] = [`${stem}-call.json`, `${stem}-result.json`];
  // What an earlier call of the same label left is not this one's.
  rmSync(resultFile, { force: true });
  writeWhole(callFile, call);
  return { argv: [...heddle, 'exec', callFile, resultFile], callFile, resultFile };
}

/** The same heddle again. Running from its sources it has to say so: an older build may lie beside them. */
export function ownHeddle(): readonly string[] {
  const command = [process.execPath, fileURLToPath(new URL('../../bin/heddle.cjs', import.meta.url))];
  return import.meta.url.endsWith('.ts') ? ['env', 'HEDDLE_SOURCE=1', ...command] : command;
}

function freeLabel(directory: string, name: string): string {
  const label = name.replaceAll(/[^\w.-]/g, '_');
  for (let k = 1; ; k += 1) {
    const candidate = k === 1 ? label : `${label}-${k}`;
    if (!existsSync(join(directory, `${candidate}-call.json`))) return candidate;
  }
}
