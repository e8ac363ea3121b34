import { existsSync, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Command } from 'commander';
import { LogSinks, systemClock } from '../../jobs/index.ts';
import { asError, ERROR_CODES, HeddleError, type Logger } from '../../model/index.ts';
import { type App, isApp } from './app.ts';
import { dispatch } from './dispatch.ts';
import { type Invocation, readInvocation } from './parsers.ts';
import type { ExecutorFactory, RuntimeManager } from './runtime-manager.ts';
import { scope } from './scope.ts';
import { WorkflowManager } from './workflow-manager.ts';

/** What an executor factory is told of the invocation. */
export interface BackendParameters {
  /** Of the parser: common and own, by their long names in camelCase. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Tells on stderr what `--log-level` asks for. */
  readonly logger: Logger;
}

/** What makes a module a backend: what `run` needs of it. */
export interface BackendModule {
  /** From `makeParser`. */
  readonly parser: Command;
  readonly executorFactory: (manager: WorkflowManager, parameters: BackendParameters) => RuntimeManager;
  /** @default one of `--directory` */
  readonly workflowManager?: (options: Readonly<Record<string, unknown>>) => Promise<WorkflowManager> | WorkflowManager;
}

/** Exit status when one was interrupted: 128 and the number of the signal, as shells have it. */
const INTERRUPTED = { SIGINT: 130, SIGTERM: 143 } as const;

let isRunning = false;

/**
 * Makes a module an entry point: reads the command line, opens a workflow manager, loads the script, and calls its one `app` with the
 * manager in scope and its items being dispatched. Gives the exit status: 0 when all is done, 1 when the app or an item failed, 2
 * for bad input, 3 for a script that is not there, 130 when it was interrupted.
 *
 * @example
 * export const parser = makeParser(import.meta.url);
 * export const executorFactory = (manager) => new RuntimeManager(manager, { backend: 'processes' });
 * if (import.meta.main) process.exit(await run({ parser, executorFactory }));
 *
 * @param argv without node and the module
 * @throws {HeddleError} STATE_CONFLICT when one is under way in this process, INPUT_INVALID for what is no backend
 */
export async function run(backend: BackendModule, argv: readonly string[] = process.argv.slice(2)): Promise<number> {
  if (isRunning) {
    throw new HeddleError('STATE_CONFLICT', 'a script is being run already', {
      hint: 'run() is for entry points; inside of a script add items: getScope().addItem(...)',
    });
  }
  checkBackend(backend);
  isRunning = true;
  using interrupts = new Interrupts();
  try {
    const invocation = readInvocation(backend.parser, argv);
    if (invocation === undefined) return 0;
    const hasFailures = await execute(backend, invocation, interrupts);
    return interrupts.status ?? (hasFailures ? 1 : 0);
  } catch (error) {
    if (interrupts.status !== undefined) {
      say(backend, 'interrupted');
      return interrupts.status;
    }
    return report(backend, error);
  } finally {
    isRunning = false;
  }
}

function checkBackend(backend: BackendModule): void {
  const wanted = { parser: 'makeParser(import.meta.url)', executorFactory: '(manager) => new RuntimeManager(manager)' };
  for (const [name, hint] of Object.entries(wanted)) {
    const value: unknown = (backend as unknown as Readonly<Record<string, unknown>> | undefined)?.[name];
    if (value !== undefined && value !== null) continue;
    throw new HeddleError('INPUT_INVALID', `a backend has no ${name}`, { hint: `run({ ${name}: ${hint}, ... })` });
  }
}

/** Whether an item failed, though the script may have got over it. */
async function execute(backend: BackendModule, invocation: Invocation, interrupts: Interrupts): Promise<boolean> {
  const { options, args } = invocation;
  const script = scriptAt(invocation.script);
  const logger = loggerOf(options.logLevel);
  const { directory } = options;
  await using manager = await (backend.workflowManager?.(options) ??
    WorkflowManager.open(directory === undefined ? {} : { directory }));
  const argvBefore = process.argv;
  try {
    process.argv = [argvBefore[0] as string, script, ...args];
    const executorFactory: ExecutorFactory<BackendParameters> = (owner, parameters) => {
      const runtime = backend.executorFactory(owner, parameters);
      runtime.logTo(logger);
      return runtime;
    };
    await scope(manager, async () => {
      const main = await interrupts.race(loadApp(script));
      await using running = await dispatch(manager, executorFactory, { options, logger });
      interrupts.onInterrupt = () => running.cancel();
      if (interrupts.status !== undefined) await running.cancel();
      await interrupts.race(Promise.resolve(main(args)));
    });
  } finally {
    process.argv = argvBefore;
  }
  return manager.failures().length > 0;
}

function scriptAt(script: string): string {
  const path = resolve(script);
  if (!existsSync(path)) {
    throw new HeddleError('FILE_NOT_FOUND', `there is no script '${script}'`, { hint: `looked for at ${path}` });
  }
  if (statSync(path).isFile()) return path;
  throw new HeddleError('INPUT_INVALID', `'${script}' is no script`, { hint: 'name a module: script.ts' });
}

/** The one function of a script that is marked. */
async function loadApp(path: string): Promise<App> {
  const exported = (await import(pathToFileURL(path).href)) as Readonly<Record<string, unknown>>;
  const names = new Map<App, string>();
  for (const [name, value] of Object.entries(exported)) {
    if (isApp(value) && (!names.has(value) || names.get(value) === 'default')) names.set(value, name);
  }
  const [first, ...others] = names.keys();
  if (first !== undefined && others.length === 0) return first;
  const file = basename(path);
  if (first === undefined) {
    const there = Object.keys(exported).join(', ') || 'nothing';
    throw new HeddleError('INPUT_INVALID', `'${file}' exports no app: it exports ${there}`, {
      hint: 'mark the function that is to be run: export const main = app(async (args) => { ... })',
    });
  }
  throw new HeddleError('INPUT_INVALID', `'${file}' exports ${names.size} apps: ${[...names.values()].join(', ')}`, {
    hint: 'mark one function only',
  });
}

function loggerOf(level: Invocation['options']['logLevel']): Logger {
  const logs = new LogSinks();
  if (level !== undefined) logs.add(process.stderr, { level });
  return logs;
}

/** Tells on stderr what went wrong, and gives the exit status of it. */
function report(backend: BackendModule, thrown: unknown): number {
  const error = asError(innermost(thrown));
  if (!HeddleError.is(error)) {
    say(backend, error.stack ?? error.message);
    return 1;
  }
  say(backend, error.message);
  if (error.hint !== undefined) process.stderr.write(`  ${error.hint}\n`);
  return ERROR_CODES[error.code].exit;
}

/** Of an error that came while another one was on its way, that other: it was there first. */
function innermost(thrown: unknown): unknown {
  return thrown instanceof SuppressedError ? innermost(thrown.suppressed) : thrown;
}

function say(backend: BackendModule, text: string): void {
  process.stderr.write(`${backend.parser.name()}: ${text}\n`);
}

/** Signals to this process while a script runs: the first cancels, the second ends it at once. */
class Interrupts implements Disposable {
  onInterrupt: (() => Promise<void>) | undefined;
  status: number | undefined;
  readonly #interrupted = Promise.withResolvers<never>();
  readonly #listeners = Object.entries(INTERRUPTED).map(
    ([signal, status]) => [signal as keyof typeof INTERRUPTED, () => this.#interrupt(status)] as const,
  );

  constructor() {
    this.#interrupted.promise.catch(() => undefined);
    for (const [signal, listener] of this.#listeners) process.on(signal, listener);
  }

  /** What a promise gives, unless it is interrupted before. */
  race<Value>(promise: Promise<Value>): Promise<Value> {
    return Promise.race([promise, this.#interrupted.promise]);
  }

  [Symbol.dispose](): void {
    for (const [signal, listener] of this.#listeners) process.off(signal, listener);
  }

  #interrupt(status: number): void {
    if (this.status !== undefined) process.exit(status);
    this.status = status;
    this.#interrupted.reject(new HeddleError('JOB_CANCELLED', 'the script was interrupted'));
    // Behind this turn, so that what was being added is cancelled too.
    systemClock.after(0, () => void this.onInterrupt?.().catch(() => undefined));
  }
}
