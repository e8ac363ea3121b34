import { mkdirSync } from 'node:fs';
import type { CallContext } from './context.ts';

/* oxlint-disable node/no-process-env -- the environment of a call is what this file is about */

export interface SurroundingsOptions {
  readonly context: CallContext;
  /** Only a child process has a working directory of its own, and children who see its environment. */
  readonly kind: 'thread' | 'process';
  readonly manner: {
    readonly enterDirectory?: true;
    readonly environment?: Readonly<Record<string, string>>;
  };
}

/** What a call finds around it; `leave` puts everything back as it was. */
export interface CallSurroundings {
  leave(): void;
}

/**
 * Makes a call's surroundings: declared environment, who it is, the directory it works in. Undefined where there is
 * nothing to be put back.
 *
 * @throws the system's error when the directory can't be made or entered
 */
export function enterSurroundings({ context, kind, manner }: SurroundingsOptions): CallSurroundings | undefined {
  const { environment, enterDirectory } = manner;
  if (kind === 'thread' && environment === undefined) return undefined;
  const before = setVariables(environment ?? {});
  if (kind === 'thread') return { leave: () => void setVariables(before) };
  nameCall(context);
  const home = process.cwd();
  const leave = (): void => {
    setVariables(before);
    // The call may have gone elsewhere by itself.
    if (process.cwd() !== home) process.chdir(home);
  };
  if (enterDirectory !== true) return { leave };
  try {
    const { directory } = context;
    mkdirSync(directory, { recursive: true });
    process.chdir(directory);
  } catch (error) {
    leave();
    throw error;
  }
  return { leave };
}

/** Variables that say who a call is. They stand until the next call: nothing else runs between. */
function nameCall({ run, job, attempt }: CallContext): void {
  const { env } = process;
  if (env['HEDDLE_RUN_ID'] !== run) env['HEDDLE_RUN_ID'] = run;
  env['HEDDLE_JOB_ID'] = job;
  env['HEDDLE_ATTEMPT'] = attempt;
}

/** Sets variables, or unsets them where the value is undefined, and gives what they were. */
function setVariables(values: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> {
  const before: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(values)) {
    before[name] = process.env[name];
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  return before;
}
