import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  type CallFile,
  encodeArguments,
  encodeValue,
  portableReference,
  type ResultFile,
  serializeError,
  writeWhole,
} from '../../calls/index.ts';
import {
  type AttemptId,
  type AttemptOrder,
  type Backend,
  type BackendContext,
  type BackendEvent,
  decodeData,
  formatBytes,
  HeddleError,
  isLargerThan,
  type Json,
  type LaunchAnswer,
  MAX_VALUE_BYTES,
  type Outcome,
  quoteWord,
  type RecoverAnswer,
  type RecoverQuery,
  type ResolvedCall,
  type ResolvedWork,
} from '../../model/index.ts';

import { localArguments } from './call-files.ts';

/** What makes calls where the commands of a backend run. */
export interface CallRuntime {
  /** Program and first arguments of heddle there: `exec CALL RESULT` is added. */
  readonly argv: readonly string[];
  /** Where the project lies there, absolute: modules below it are looked for there. */
  readonly project: string;
}

export interface CallCommandsOptions {
  /**
   * Brings what these calls need to where they run, once, and says how heddle is called there. Rejects with a `HeddleError`
   * when that can never be; its orders are refused then.
   */
  runtime(calls: readonly ResolvedCall[], project: string): Promise<CallRuntime>;
}

/** In the attempt's directory, where it is found again whoever looks. */
const CALL = 'call.json';
const RESULT = 'result.json';

/**
 * Lets a backend that runs commands make calls too: each is one command, `heddle exec CALL RESULT`, whose result is read when
 * it has ended. What is thrown, and what a function returns, comes back as from a lane.
 */
export function withCallCommands(backend: Backend, options: CallCommandsOptions): Backend {
  const calls = new CallCommands(backend, options);
  return {
    name: backend.name,
    capabilities: {
      ...backend.capabilities,
      calls: true,
      // A call is written to a file, with its arguments.
      ...(backend.capabilities.secrets === true ? { secrets: 'commands' as const } : {}),
    },
    open: (context) => calls.open(context),
    launch: (orders) => calls.launch(orders),
    cancel: (attempt, graceMs) => calls.cancel(attempt, graceMs),
    recover: (queries) => calls.recover(queries),
    release: (attempts) => calls.release(attempts),
    ...(backend.recall === undefined ? {} : { recall: backend.recall.bind(backend) }),
    ...(backend.resize === undefined ? {} : { resize: backend.resize.bind(backend) }),
    ...(backend.processes === undefined ? {} : { processes: backend.processes.bind(backend) }),
    [Symbol.asyncDispose]: () => backend[Symbol.asyncDispose](),
  };
}

/** A call that was launched and whose end has not been committed. */
interface LiveCall {
  readonly directory: string;
  isCancelled: boolean;
}

class CallCommands {
  readonly #backend: Backend;
  readonly #options: CallCommandsOptions;
  readonly #calls = new Map<AttemptId, LiveCall>();
  /** What it needs is being brought; with the grace it was cancelled with meanwhile. */
  readonly #coming = new Map<AttemptId, number | undefined>();
  #context: BackendContext | undefined;

  constructor(backend: Backend, options: CallCommandsOptions) {
    this.#backend = backend;
    this.#options = options;
  }

  open(context: BackendContext): ReturnType<Backend['open']> {
    this.#context = context;
    return this.#backend.open({ ...context, report: (event) => context.report(this.#heard(event)) });
  }

  launch(orders: readonly AttemptOrder[]): readonly LaunchAnswer[] | Promise<readonly LaunchAnswer[]> {
    if (orders.every(({ work }) => work.kind === 'command')) return this.#backend.launch(orders);
    return this.#launchCalls(orders);
  }

  cancel(attempt: AttemptId, graceMs: number): void {
    const call = this.#calls.get(attempt);
    if (call !== undefined) call.isCancelled = true;
    // Passed on when it has been launched: what is not there yet can't be cancelled.
    if (this.#coming.has(attempt)) this.#coming.set(attempt, graceMs);
    else this.#backend.cancel(attempt, graceMs);
  }

  async recover(queries: readonly RecoverQuery[]): Promise<readonly RecoverAnswer[]> {
    const there = queries.filter(({ attempt }) => !this.#coming.has(attempt));
    if (there.length < queries.length) return await this.#recoverSome(queries, there);
    const asked = queries.map((query) => {
      if (query.work.kind !== 'call') return query;
      this.#note(query);
      // How heddle is called matters to nobody any more: it has been launched, or never will be under this order.
      return { ...query, work: commandOf(query.work, { argv: [], project: '' }, []) };
    });
    const answers = await this.#backend.recover(asked);
    return answers.map((answer, i) => {
      const { attempt } = queries[i] as RecoverQuery;
      return answer.kind === 'ended' ? { ...answer, outcome: this.#outcomeOf(attempt, answer.outcome) } : answer;
    });
  }

  release(attempts: readonly AttemptId[]): void {
    for (const attempt of attempts) this.#drop(attempt);
    this.#backend.release(attempts);
  }

  #drop(attempt: AttemptId): void {
    if (this.#calls.delete(attempt)) rmSync(this.#callFile(attempt), { force: true });
  }

  /** Those whose code is on its way have not begun, and will: nobody else may be told of them. */
  async #recoverSome(
    queries: readonly RecoverQuery[],
    there: readonly RecoverQuery[],
  ): Promise<readonly RecoverAnswer[]> {
    const said = there.length === 0 ? [] : await this.recover(there);
    const answers = new Map(there.map(({ attempt }, i) => [attempt, said[i]]));
    return queries.map(({ attempt }) => answers.get(attempt) ?? { kind: 'running', phase: 'staging-in' });
  }

  async #launchCalls(orders: readonly AttemptOrder[]): Promise<readonly LaunchAnswer[]> {
    for (const { attempt } of orders) this.#coming.set(attempt, undefined);
    try {
      const answers = await this.#launchWith(orders);
      orders.forEach(({ attempt }, i) => {
        const graceMs = this.#coming.get(attempt);
        this.#coming.delete(attempt);
        if (answers[i]?.kind === 'refused') this.#drop(attempt);
        else if (graceMs !== undefined) this.cancel(attempt, graceMs);
      });
      return answers;
    } finally {
      for (const { attempt } of orders) this.#coming.delete(attempt);
    }
  }

  async #launchWith(orders: readonly AttemptOrder[]): Promise<readonly LaunchAnswer[]> {
    const calls = orders.flatMap(({ work }) => (work.kind === 'call' && refusal(work) === undefined ? work : []));
    const runtime = await this.#runtime(calls);
    const prepared = orders.map((order) => this.#prepared(order, runtime));
    const ready = prepared.filter((one): one is AttemptOrder => !('kind' in one));
    const answers = ready.length === 0 ? [] : await this.#backend.launch(ready);
    let next = 0;
    return prepared.map((one) => {
      if ('kind' in one) return one;
      const answer = answers[next] ?? { kind: 'unknown', why: 'no answer' };
      next += 1;
      return answer;
    });
  }

  async #runtime(calls: readonly ResolvedCall[]): Promise<CallRuntime | LaunchAnswer> {
    if (calls.length === 0) return { argv: [], project: '' };
    try {
      return await this.#options.runtime(calls, this.#context?.project ?? '');
    } catch (error) {
      if (!HeddleError.is(error)) throw error;
      const retryable = error.code === 'BACKEND_UNAVAILABLE';
      return { kind: 'refused', retryable, why: error.message, error: serializeError(error) };
    }
  }

  #prepared(order: AttemptOrder, runtime: CallRuntime | LaunchAnswer): AttemptOrder | LaunchAnswer {
    const { work } = order;
    if (work.kind === 'command') return order;
    const why = refusal(work);
    if (why !== undefined) return { kind: 'refused', retryable: false, why };
    if ('kind' in runtime) return runtime;
    const file = this.#callFile(order.attempt);
    const { args, inputs } = localArguments(work.args);
    try {
      writeWhole(file, callOf(work, { args, runtime, project: this.#context?.project ?? '' }));
    } catch (error) {
      const { message, syscall } = error as NodeJS.ErrnoException;
      // What is not the disk's doing is the call's own.
      return { kind: 'refused', retryable: syscall !== undefined, why: `the call can't be written: ${message}` };
    }
    this.#note(order);
    return { ...order, work: commandOf(work, runtime, [{ name: CALL, at: file }, ...inputs]) };
  }

  #note({ attempt, directory }: Pick<AttemptOrder, 'attempt' | 'directory'>): void {
    if (!this.#calls.has(attempt)) this.#calls.set(attempt, { directory, isCancelled: false });
  }

  /** Its own copy in the store: the attempt's directory is the backend's to make. */
  #callFile(attempt: AttemptId): string {
    const folder = join(this.#context?.directory ?? '', 'calls', this.#backend.name);
    mkdirSync(folder, { recursive: true });
    return join(folder, `${attempt}.json`);
  }

  #heard(event: BackendEvent): BackendEvent {
    if (event.kind !== 'ended' || !this.#calls.has(event.attempt)) return event;
    return { ...event, outcome: this.#outcomeOf(event.attempt, event.outcome) };
  }

  #outcomeOf(attempt: AttemptId, outcome: Outcome): Outcome {
    const call = this.#calls.get(attempt);
    if (call === undefined) return outcome;
    const { usage } = outcome;
    if (outcome.kind !== 'ok') return call.isCancelled && BY_US.has(outcome.kind) ? CANCELLED : outcome;
    const ended = readResult(join(call.directory, RESULT));
    return usage === undefined ? ended : { ...ended, usage };
  }
}

const CANCELLED: Outcome = { kind: 'cancelled', by: 'user' };
/** As what it ends that was asked to end: a call has no signal of its own to tell of. */
const BY_US: ReadonlySet<Outcome['kind']> = new Set(['signal', 'exit', 'cancelled']);

/** Why a call can't be one command. */
function refusal({ call, stream }: ResolvedCall): string | undefined {
  if (stream === true)
    return 'a generator whose values are taken one by one runs in a lane: choose threads or processes';
  if (call.kind === 'local') return 'its function is held in the memory of this process: export it from a module';
  return undefined;
}

function callOf(
  { call, environment }: ResolvedCall,
  {
    args,
    runtime,
    project,
  }: { readonly args: readonly unknown[]; readonly runtime: CallRuntime; readonly project: string },
): CallFile {
  return {
    format: 'heddle-call/1',
    call: portableReference(call, project),
    args: encodeArguments(args, () => undefined) as readonly Json[],
    project: runtime.project,
    // Files among the arguments are its inputs.
    store: '.',
    ...(environment === undefined ? {} : { environment }),
  };
}

type Command = Extract<ResolvedWork, { readonly kind: 'command' }>;

/** A function that throws has a result too: it is no failure of the command. */
function commandOf({ environment, redirect }: ResolvedCall, { argv }: CallRuntime, inputs: Command['inputs']): Command {
  const to = (path: string | undefined, sign: string): string =>
    path === undefined || path === '' ? '' : ` ${sign}${quoteWord(path)}`;
  const elsewhere = `${to(redirect?.stdout, '>>')}${to(redirect?.stderr, '2>>')}`;
  const text = `${argv.map(quoteWord).join(' ')} exec inputs/${CALL} ${RESULT}${elsewhere} || [ -s ${RESULT} ]`;
  return {
    kind: 'command',
    text,
    inputs,
    outputs: [{ name: 'result', path: RESULT, type: 'file' }],
    environment: environment ?? {},
  };
}

function readResult(path: string): Outcome {
  try {
    const text = readFileSync(path, 'utf8');
    const result = JSON.parse(text) as ResultFile;
    if ('error' in result) return { kind: 'error', error: result.error };
    const data = decodeData(result.value);
    const value = data === undefined ? undefined : encodeValue(data);
    if (value === undefined) return { kind: 'ok' };
    if (isLargerThan(value, MAX_VALUE_BYTES))
      throw new HeddleError('VALUE_TOO_LARGE', `the result is larger than ${formatBytes(MAX_VALUE_BYTES)}`, {
        hint: 'write it to a file, and return where that is',
      });
    return { kind: 'ok', value };
  } catch (error) {
    return { kind: 'error', error: serializeError(error) };
  }
}
