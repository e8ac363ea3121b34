import { serializeError } from '../../calls/index.ts';
import {
  type AttemptOrder,
  type Backend,
  type BackendContext,
  type BackendEvent,
  type LaunchAnswer,
  type RecoverAnswer,
  type RecoverQuery,
  type Redactor,
  type ResolvedWork,
  Secret,
} from '../../model/index.ts';
import { redactOutcome } from './redact-outcome.ts';
import { keyOf, keyOfData, type Opened, type Vault } from './vault.ts';

/**
 * A backend behind a guard: secrets that its orders name are read as they are launched, and given to the attempts alone;
 * whatever it then says of any attempt is cleaned of all secrets known. An attempt whose secret is missing never starts.
 */
export function guardedBackend(backend: Backend, vault: Vault): Backend {
  const guard = new Guard(backend, vault);
  return {
    name: backend.name,
    capabilities: backend.capabilities,
    open: (context) => guard.open(context),
    launch: (orders) => guard.launch(orders),
    cancel: (attempt, graceMs) => backend.cancel(attempt, graceMs),
    recover: (queries) => guard.recover(queries),
    release: (attempts) => backend.release(attempts),
    ...(backend.pull === undefined ? {} : { pull: backend.pull.bind(backend) }),
    ...(backend.recall === undefined ? {} : { recall: backend.recall.bind(backend) }),
    ...(backend.resize === undefined ? {} : { resize: backend.resize.bind(backend) }),
    ...(backend.processes === undefined ? {} : { processes: backend.processes.bind(backend) }),
    [Symbol.asyncDispose]: () => backend[Symbol.asyncDispose](),
  };
}

class Guard {
  readonly #backend: Backend;
  readonly #vault: Vault;

  constructor(backend: Backend, vault: Vault) {
    this.#backend = backend;
    this.#vault = vault;
  }

  open(context: BackendContext): ReturnType<Backend['open']> {
    return this.#backend.open({ ...context, report: (event) => context.report(this.#clean(event)) });
  }

  launch(orders: readonly AttemptOrder[]): readonly LaunchAnswer[] | Promise<readonly LaunchAnswer[]> {
    const wanted = orders.flatMap(({ work }) => secretsOf(work));
    if (wanted.length > 0) return this.#launchWith(orders, wanted);
    const { redactor } = this.#vault;
    if (redactor.isIdle) return this.#backend.launch(orders);
    const answers = this.#backend.launch(orders.map((order) => ({ ...order, redactor })));
    return answers instanceof Promise
      ? answers.then((all) => all.map((one) => this.#answer(one)))
      : answers.map((one) => this.#answer(one));
  }

  async #launchWith(orders: readonly AttemptOrder[], wanted: readonly Secret[]): Promise<readonly LaunchAnswer[]> {
    const opened = await this.#vault.open(wanted);
    const { redactor } = this.#vault;
    const filled = orders.map((order) => this.#fill(order, { opened, redactor }));
    const ready = filled.filter((one): one is AttemptOrder => !('kind' in one));
    const answers = ready.length === 0 ? [] : await this.#backend.launch(ready);
    let next = 0;
    return filled.map((one) => {
      if ('kind' in one) return one;
      const answer = answers[next] ?? { kind: 'unknown', why: 'no answer' };
      next += 1;
      return this.#answer(answer);
    });
  }

  #fill(
    order: AttemptOrder,
    { opened, redactor }: { readonly opened: ReadonlyMap<string, Opened>; readonly redactor: Redactor },
  ): AttemptOrder | LaunchAnswer {
    const wanted = secretsOf(order.work);
    if (wanted.length === 0) return { ...order, redactor };
    const trust = this.#backend.capabilities.secrets ?? false;
    if (trust === false || (trust === 'commands' && order.work.kind !== 'command')) {
      const why = `backend '${this.#backend.name}' can't be trusted with secrets: choose commands, threads or processes`;
      return { kind: 'refused', retryable: false, why };
    }
    const values = new Map<string, string>();
    for (const secret of wanted) {
      const found = opened.get(keyOf(secret));
      if (found !== undefined && 'value' in found) values.set(keyOf(secret), found.value);
      else if (found !== undefined) {
        // Where in here that was found out helps nobody.
        const { stack: _, ...error } = serializeError(found.error);
        return { kind: 'refused', retryable: false, why: error.message, error };
      }
    }
    return filledOrder({ ...order, redactor }, values);
  }

  async recover(queries: readonly RecoverQuery[]): Promise<readonly RecoverAnswer[]> {
    // What an earlier engine's attempts have said is to be cleaned too, as far as their secrets can still be read.
    const wanted = queries.flatMap(({ work }) => secretsOf(work));
    if (wanted.length > 0) await this.#vault.open(wanted);
    const { redactor } = this.#vault;
    if (redactor.isIdle) return this.#backend.recover(queries);
    const answers = await this.#backend.recover(queries.map((query) => ({ ...query, redactor })));
    return answers.map((answer) => this.#recovered(answer));
  }

  #clean(event: BackendEvent): BackendEvent {
    const { redactor } = this.#vault;
    if (redactor.isIdle) return event;
    switch (event.kind) {
      case 'ended':
        return { ...event, outcome: redactOutcome(event.outcome, redactor) };
      case 'gone':
      case 'unreachable':
        return { ...event, why: redactor.text(event.why) };
      case 'phase':
      case 'heartbeat':
      case 'places':
      case 'access':
        return event;
    }
  }

  #answer(answer: LaunchAnswer): LaunchAnswer {
    return answer.kind === 'accepted' ? answer : { ...answer, why: this.#vault.redact(answer.why) };
  }

  #recovered(answer: RecoverAnswer): RecoverAnswer {
    switch (answer.kind) {
      case 'ended':
        return { ...answer, outcome: redactOutcome(answer.outcome, this.#vault.redactor) };
      case 'gone':
      case 'unknown':
        return { ...answer, why: this.#vault.redact(answer.why) };
      case 'running':
        return answer;
    }
  }
}

/** Every secret that a piece of work names. */
export function secretsOf(work: ResolvedWork): readonly Secret[] {
  if (work.secrets === undefined && (work.kind === 'command' || work.hasSecretArguments !== true)) return [];
  const found = Object.values(work.secrets ?? {}).map(({ $secret }) => new Secret($secret));
  if (work.kind === 'call' && work.hasSecretArguments === true)
    replaced(work.args, (secret) => {
      found.push(secret);
      return '';
    });
  return found;
}

function filledOrder(order: AttemptOrder, values: ReadonlyMap<string, string>): AttemptOrder {
  const { work } = order;
  const variables = Object.fromEntries(
    Object.entries(work.secrets ?? {}).map(([name, data]) => [name, values.get(keyOfData(data)) ?? '']),
  );
  if (work.kind === 'command') return { ...order, secretEnvironment: variables };
  const { secrets, hasSecretArguments, ...call } = work;
  const args =
    hasSecretArguments === true
      ? (replaced(work.args, (secret) => values.get(keyOf(secret)) ?? '') as readonly unknown[])
      : work.args;
  const environment = secrets === undefined ? work.environment : { ...work.environment, ...variables };
  return { ...order, work: { ...call, args, ...(environment === undefined ? {} : { environment }) } };
}

/** Data with each secret replaced: resolved arguments are lists, plain objects, maps and sets wherever one can stand. */
function replaced(data: unknown, by: (secret: Secret) => string): unknown {
  if (typeof data !== 'object' || data === null) return data;
  if (Secret.is(data)) return by(data);
  if (Array.isArray(data)) return data.map((element: unknown) => replaced(element, by));
  if (data instanceof Map) return new Map([...data].map(([key, value]) => [replaced(key, by), replaced(value, by)]));
  if (data instanceof Set) return new Set([...data].map((member) => replaced(member, by)));
  if (Object.getPrototypeOf(data) !== Object.prototype) return data;
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, replaced(value, by)]));
}
