import { commandsBackend } from '../../backends/commands/index.ts';
import { processesBackend } from '../../backends/processes/index.ts';
import type {
  AttemptId,
  AttemptOrder,
  Backend,
  BackendCapabilities,
  BackendContext,
  LaunchAnswer,
  Place,
  RecoverAnswer,
  RecoverQuery,
} from '../../model/index.ts';

/** All that one machine does: commands by its launchers, calls in its lanes. */
export class NodeBackend implements Backend {
  readonly name = 'node';
  readonly capabilities: BackendCapabilities = {
    commands: true,
    calls: true,
    recoverable: true,
    batches: false,
    local: false,
  };
  readonly #commands: Backend;
  readonly #calls: Backend;
  readonly #isCall = new Set<AttemptId>();

  constructor(slots: number) {
    this.#commands = commandsBackend({ slots });
    this.#calls = processesBackend({ slots });
  }

  async open(context: BackendContext): Promise<readonly Place[]> {
    const report: BackendContext['report'] = (event) => {
      if (event.kind !== 'places') context.report(event);
    };
    const places = await this.#commands.open({ ...context, report });
    await this.#calls.open({ ...context, report });
    return places;
  }

  async launch(orders: readonly AttemptOrder[]): Promise<readonly LaunchAnswer[]> {
    const answers = new Map<AttemptId, LaunchAnswer>();
    for (const backend of [this.#commands, this.#calls]) {
      const own = orders.filter(({ work }) => (work.kind === 'call' ? this.#calls : this.#commands) === backend);
      if (own.length === 0) continue;
      if (backend === this.#calls) for (const { attempt } of own) this.#isCall.add(attempt);
      const said = await backend.launch(own);
      own.forEach(({ attempt }, i) => answers.set(attempt, said[i] ?? { kind: 'unknown', why: 'no answer' }));
    }
    return orders.map(({ attempt }) => answers.get(attempt) ?? { kind: 'unknown', why: 'no answer' });
  }

  cancel(attempt: AttemptId, graceMs: number): void {
    this.#of(attempt).cancel(attempt, graceMs);
  }

  async recover(queries: readonly RecoverQuery[]): Promise<readonly RecoverAnswer[]> {
    return (await Promise.all(queries.map((query) => this.#of(query.attempt).recover([query])))).flat();
  }

  release(attempts: readonly AttemptId[]): void {
    const calls = attempts.filter((attempt) => this.#isCall.delete(attempt));
    this.#calls.release(calls);
    this.#commands.release(attempts);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#commands[Symbol.asyncDispose]();
    await this.#calls[Symbol.asyncDispose]();
  }

  #of(attempt: AttemptId): Backend {
    return this.#isCall.has(attempt) ? this.#calls : this.#commands;
  }
}
