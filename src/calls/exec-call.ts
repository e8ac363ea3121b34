import { resolve } from 'node:path';
import {
  type Clock,
  decodeData,
  decodeValue,
  HeddleError,
  type Json,
  locateCall,
  MAX_VALUE_BYTES,
} from '../model/index.ts';
import { readCallFile, type ResultContent, type ResultFile, writeWhole } from './call-file.ts';
import { becomeLane, CallContext } from './context.ts';
import { encodeArguments } from './encode-arguments.ts';
import { type CallOutcome, runCall } from './run-call.ts';

/* oxlint-disable node/no-process-env -- this process is the call's own */

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** What a call is made with. */
export interface ExecFiles {
  readonly callFile: string;
  readonly resultFile: string;
  /** Where the project lies on this very machine; absent: where the call says. */
  readonly project?: string | undefined;
}

/**
 * Makes the call that stands in a file, and writes what became of it to another: whole or not at all. Exit code 0 when the
 * function returned, 1 when it threw. A signal asks the call to end, by its context; once it has, this process ends by that
 * signal, and there is no result.
 *
 * @throws {HeddleError} FILE_NOT_FOUND, INPUT_INVALID for a call that can't be read, or a result that can't be written
 */
export async function execCall({ callFile, resultFile, ...given }: ExecFiles, clock: Clock): Promise<number> {
  const { call, args, project: said = process.cwd(), store, environment } = readCallFile(callFile);
  const { project = said } = given;
  Object.assign(process.env, environment);
  // The function's module may be a script that opens an engine: not here.
  becomeLane();
  const started = clock.now().wall;
  const directory = process.cwd();
  const context = contextOf(callFile, { clock, directory, store: store === undefined ? undefined : resolve(store) });
  using asked = abortOnSignal(context);
  const outcome = await runCall(
    { reference: locateCall(call, resolve(project)), args: args.map(decodeData) },
    { context, project: resolve(project), valueBytes: MAX_VALUE_BYTES },
  );
  if (outcome.kind === 'cancelled') return await asked.dieOfIt();
  const base = { format: 'heddle-result/1', directory, started, ended: clock.now().wall } as const;
  writeResult(resultFile, { ...base, ...contentOf(outcome) });
  return outcome.kind === 'ok' ? 0 : 1;
}

function contextOf(
  callFile: string,
  {
    clock,
    directory,
    store,
  }: { readonly clock: Clock; readonly directory: string; readonly store: string | undefined },
): CallContext {
  const { env } = process;
  return new CallContext({
    run: env['HEDDLE_RUN_ID'] ?? '',
    job: env['HEDDLE_JOB_ID'] ?? callFile,
    attempt: env['HEDDLE_ATTEMPT'] ?? '',
    fence: 1,
    directory,
    store,
    clock,
  });
}

function contentOf(outcome: Exclude<CallOutcome, { kind: 'cancelled' }>): ResultContent {
  if (outcome.kind === 'error') return { error: outcome.error };
  const value = outcome.value === undefined ? undefined : decodeValue(outcome.value);
  return { value: encodeArguments([value], () => undefined)[0] as Json };
}

function writeResult(file: string, result: ResultFile): void {
  try {
    writeWhole(file, result);
  } catch (cause) {
    throw new HeddleError('INPUT_INVALID', `the result can't be written to '${file}'`, {
      cause,
      hint: 'name a file in a folder that is there and that you may write to',
    });
  }
}

interface Asked extends Disposable {
  /** Ends this process by the signal it was asked to end by. */
  dieOfIt(): Promise<never>;
}

function abortOnSignal(context: CallContext): Asked {
  let signal: NodeJS.Signals = 'SIGTERM';
  const abort = (name: NodeJS.Signals): void => {
    signal = name;
    context.abort();
  };
  for (const name of SIGNALS) process.on(name, abort);
  const release = (): void => {
    for (const name of SIGNALS) process.off(name, abort);
  };
  return {
    [Symbol.dispose]: release,
    dieOfIt: () => {
      release();
      process.kill(process.pid, signal);
      return new Promise<never>(() => undefined);
    },
  };
}
