import {
  asError,
  type AttemptId,
  type AttemptOrder,
  type Backend,
  type BackendEvent,
  HeddleError,
  type LaunchAnswer,
  type LoginNeed,
  type Place,
  type RecoverAnswer,
  type ResolvedWork,
  type Store,
  type Value,
  DATA_EDGE,
} from '../model/index.ts';
import type { EngineOptions } from './api.ts';
import { takePlaces } from './ahead.ts';
import { attemptEnded, attemptGone, attemptRefused, attemptTakenBack, type LiveAttempt } from './attempts.ts';
import type { Core } from './core.ts';
import { containerOf, directoryOf, limitsOf, NOOP, orderOf, workOf } from './orders.ts';
import { attemptLives, attemptPhase, attemptUnreachable, beginActive, noteHandle } from './phases.ts';
import { needText } from './standing-notices.ts';

/** What the actor needs of the shell around it. */
export interface ActorHost {
  readonly core: Core;
  readonly store: Store;
  readonly options: EngineOptions;
  /** Takes the time, lets `input` change the core, and sees to it that a turn follows. */
  input(input: () => void): void;
}

const NO_VALUES: ReadonlyMap<number, Value | undefined> = new Map();
/** What a backend says of its attempts is waited for so long. */
const RECOVER_WITHIN_MS = 60_000;

/** Hands committed launches to their backends. */
export function launchAll(host: ActorHost, launches: readonly LiveAttempt[]): void {
  const [first] = launches;
  if (first === undefined) return;
  const { backend } = first;
  if (!backend.backend.capabilities.batches && launches.every((attempt) => attempt.backend === backend))
    return launchGroup(host, launches);
  const ready = new Map<string, LiveAttempt[]>();
  for (const attempt of launches) {
    const key = attempt.backend.backend.capabilities.batches ? attempt.submission : attempt.backend.name;
    const group = ready.get(key);
    if (group === undefined) ready.set(key, [attempt]);
    else group.push(attempt);
  }
  for (const group of ready.values()) launchGroup(host, group);
}

function launchGroup(host: ActorHost, group: readonly LiveAttempt[]): void {
  const wanting = group.filter(needsValues);
  if (wanting.length === 0) return handOver(host, group, new Map());
  if (wanting.length < group.length && group[0]?.backend.backend.capabilities.batches !== true) {
    handOver(
      host,
      group.filter((attempt) => !needsValues(attempt)),
      new Map(),
    );
    return launchGroup(host, wanting);
  }
  void fetchValues(host, wanting).then(
    (values) => handOver(host, group, values),
    (thrown: unknown) =>
      host.input(() => {
        const why = `its inputs could not be read: ${asError(thrown).message}`;
        for (const { id } of group) attemptRefused(host.core, id, { retryable: true, why });
      }),
  );
}

function needsValues(attempt: LiveAttempt): boolean {
  return attempt.run.hasUpstream(attempt.job) && attempt.run.payloadOf(attempt.job).includes('"$ref"');
}

type ValuesOf = Map<LiveAttempt, ReadonlyMap<number, Value | undefined>>;

async function fetchValues(host: ActorHost, attempts: readonly LiveAttempt[]): Promise<ValuesOf> {
  const values: ValuesOf = new Map();
  for (const attempt of attempts) {
    const upstream: number[] = [];
    attempt.run.eachUpstream(attempt.job, (from, accept) => {
      if (accept === DATA_EDGE) upstream.push(from);
    });
    const found = await host.store.values(attempt.run.id, upstream);
    values.set(attempt, new Map(upstream.map((node, i) => [node, found[i]])));
  }
  return values;
}

function handOver(host: ActorHost, group: readonly LiveAttempt[], values: ValuesOf): void {
  const orders: AttemptOrder[] = [];
  host.input(() => {
    for (const attempt of group) {
      const order = orderFor(host, attempt, values.get(attempt) ?? NO_VALUES);
      if (order !== undefined) orders.push(order);
    }
  });
  const backend = group[0]?.backend.backend;
  if (orders.length === 0 || backend === undefined) return;
  let answers: readonly LaunchAnswer[] | Promise<readonly LaunchAnswer[]>;
  try {
    answers = backend.launch(orders);
  } catch (thrown) {
    return launchBroke(host, orders, thrown);
  }
  if (!(answers instanceof Promise)) return takeAnswers(host, orders, answers);
  answers.then(
    (said) => takeAnswers(host, orders, said),
    (thrown: unknown) => launchBroke(host, orders, thrown),
  );
}

/** The order of an attempt; undefined when it is not to be started any more, or cannot be described. */
function orderFor(
  host: ActorHost,
  attempt: LiveAttempt,
  values: ReadonlyMap<number, Value | undefined>,
): AttemptOrder | undefined {
  const { core } = host;
  if (core.attempts.get(attempt.id) !== attempt) return undefined;
  if (attempt.cancel !== undefined || attempt.killedBy !== undefined) {
    attemptEnded(core, attempt.id, { kind: 'cancelled', by: attempt.cancel ?? 'user' });
    return undefined;
  }
  if (attempt.isRecalled) {
    attemptTakenBack(core, attempt);
    return undefined;
  }
  const work = workOf(host.options, attempt, values);
  if (work instanceof Error) {
    const { code, hint } = HeddleError.is(work) ? work : { code: 'TEMPLATE_INVALID', hint: undefined };
    const error = { name: work.name, message: work.message, code, ...(hint === undefined ? {} : { hint }) };
    attemptEnded(core, attempt.id, { kind: 'error', error });
    return undefined;
  }
  attempt.launched = true;
  return orderOf(host.options, attempt, work);
}

function launchBroke(host: ActorHost, orders: readonly AttemptOrder[], thrown: unknown): void {
  const why = `launch broke: ${asError(thrown).message}`;
  takeAnswers(
    host,
    orders,
    orders.map(() => ({ kind: 'unknown', why })),
  );
}

function takeAnswers(host: ActorHost, orders: readonly AttemptOrder[], answers: readonly LaunchAnswer[]): void {
  host.input(() => {
    orders.forEach((order, i) => takeAnswer(host.core, order, answers[i] ?? { kind: 'unknown', why: 'no answer' }));
  });
}

function takeAnswer(core: Core, order: AttemptOrder, answer: LaunchAnswer): void {
  const attempt = core.attempts.get(order.attempt);
  if (attempt === undefined) return;
  switch (answer.kind) {
    case 'accepted':
      acceptHandle(core, attempt, answer.handle);
      askAgain(core, attempt);
      return;
    case 'refused':
      attemptRefused(core, order.attempt, answer);
      return;
    case 'unknown':
      attemptUnreachable(core, order.attempt, answer.why);
      return;
  }
}

/** What was asked of an attempt before its backend answered for it may have found nothing there. */
function askAgain(core: Core, attempt: LiveAttempt): void {
  if (attempt.cancel !== undefined || attempt.killedBy !== undefined) core.out.cancels.push(attempt);
  else if (attempt.isRecalled) core.out.recalls.push(attempt);
}

function acceptHandle(core: Core, attempt: LiveAttempt, handle: string): void {
  const { capabilities } = attempt.backend.backend;
  attempt.isAccepted = true;
  const begins = (capabilities.local || capabilities.immediate === true) && !attempt.isAhead;
  if (begins && attempt.startedAt === 0) beginActive(core, attempt, core.now.wall);
  noteHandle(core, attempt, handle);
}

/** Asks for the end of attempts. One that was not handed over yet is stopped where it would have been. */
export function cancelEach(host: ActorHost, cancels: readonly LiveAttempt[]): void {
  for (const attempt of cancels) {
    if (host.core.attempts.get(attempt.id) !== attempt || !attempt.launched) continue;
    contained(host, attempt.backend.backend, (backend) =>
      backend.cancel(attempt.id, attempt.run.definition(attempt.job).graceMs),
    );
  }
}

/** Asks for attempts that were sent ahead to be taken back. One that was not handed over yet is kept where it would have been. */
export function recallEach(host: ActorHost, recalls: readonly LiveAttempt[]): void {
  const byBackend = new Map<Backend, AttemptId[]>();
  for (const attempt of recalls) {
    if (host.core.attempts.get(attempt.id) !== attempt || !attempt.launched) continue;
    const { backend } = attempt.backend;
    const list = byBackend.get(backend);
    if (list === undefined) byBackend.set(backend, [attempt.id]);
    else list.push(attempt.id);
  }
  for (const [backend, attempts] of byBackend) contained(host, backend, () => backend.recall?.(attempts));
}

export function releaseEach(host: ActorHost, releases: Core['out']['releases']): void {
  let left = releases;
  for (let [first] = left; first !== undefined; [first] = left) {
    const name = first.backend;
    const own = left.filter((release) => release.backend === name);
    left = own.length === left.length ? [] : left.filter((release) => release.backend !== name);
    const backend = host.core.backends.get(name)?.backend;
    const attempts = own.map(({ attempt }) => attempt);
    if (backend !== undefined) contained(host, backend, () => backend.release(attempts));
  }
}

function contained(host: ActorHost, backend: Backend, call: (backend: Backend) => void): void {
  try {
    call(backend);
  } catch (thrown) {
    host.input(() => host.core.notice('backend-broken', `backend "${backend.name}" threw: ${asError(thrown).message}`));
  }
}

/** Asks each backend what became of attempts, and applies the answers. */
export async function recoverAll(host: ActorHost, attempts: readonly LiveAttempt[]): Promise<void> {
  const byBackend = new Map<Backend, LiveAttempt[]>();
  for (const attempt of attempts) {
    if (host.core.attempts.get(attempt.id) !== attempt) continue;
    const list = byBackend.get(attempt.backend.backend) ?? [];
    list.push(attempt);
    byBackend.set(attempt.backend.backend, list);
  }
  await Promise.all([...byBackend].map(([backend, list]) => recoverOn(host, backend, list)));
}

async function recoverOn(host: ActorHost, backend: Backend, attempts: readonly LiveAttempt[]): Promise<void> {
  let answers: readonly RecoverAnswer[];
  try {
    const values = await fetchValues(host, attempts.filter(needsValues));
    const queries = attempts.map((attempt) => ({
      attempt: attempt.id,
      fence: attempt.fence,
      run: attempt.run.id,
      job: attempt.run.nameOf(attempt.job),
      index: attempt.job,
      submission: attempt.submission,
      element: attempt.element,
      handle: attempt.handle,
      grant: attempt.grant,
      limits: limitsOf(host.options, attempt),
      directory: directoryOf(host.options, attempt),
      work: workOrNoop(host, attempt, values),
      ...containerOf(attempt),
    }));
    answers = await inTime(host, backend.recover(queries), (late) => takeAll(host, attempts, late));
  } catch (thrown) {
    const why = asError(thrown).message;
    answers = attempts.map(() => ({ kind: 'unknown', why }));
  }
  takeAll(host, attempts, answers);
}

function takeAll(host: ActorHost, attempts: readonly LiveAttempt[], answers: readonly RecoverAnswer[]): void {
  host.input(() => {
    attempts.forEach((attempt, i) => takeRecovery(host, attempt, answers[i] ?? { kind: 'unknown', why: 'no answer' }));
  });
}

/**
 * The answers, when they come in time: a backend that does not answer must not keep everybody waiting. Its attempts
 * then count as not answering, and are asked after again; an answer that comes late is taken all the same.
 */
async function inTime(
  host: ActorHost,
  asked: Promise<readonly RecoverAnswer[]>,
  late: (answers: readonly RecoverAnswer[]) => void,
): Promise<readonly RecoverAnswer[]> {
  const { promise, resolve, reject } = Promise.withResolvers<readonly RecoverAnswer[]>();
  let isLate = false;
  const timer = host.options.clock.after(RECOVER_WITHIN_MS, () => {
    isLate = true;
    reject(new HeddleError('BACKEND_UNAVAILABLE', `no answer within ${RECOVER_WITHIN_MS / 1000} s`));
  });
  asked.then((answers) => (isLate ? late(answers) : resolve(answers)), reject);
  try {
    return await promise;
  } finally {
    timer.cancel();
  }
}

function workOrNoop(host: ActorHost, attempt: LiveAttempt, values: ValuesOf): ResolvedWork {
  const work = workOf(host.options, attempt, values.get(attempt) ?? NO_VALUES);
  return work instanceof Error ? NOOP : work;
}

function takeRecovery(host: ActorHost, attempt: LiveAttempt, answer: RecoverAnswer): void {
  const { core } = host;
  switch (answer.kind) {
    case 'running':
      attempt.launched = true;
      attempt.isAccepted = true;
      attemptPhase(core, attempt.id, answer.phase ?? 'active', answer.startedAt, answer.handle);
      askAgain(core, attempt);
      return;
    case 'ended':
      attemptEnded(core, attempt.id, answer.outcome, { startedAt: answer.startedAt, endedAt: answer.endedAt });
      return;
    case 'gone':
      attemptGone(core, attempt.id, { why: answer.why, neverStarted: answer.neverStarted });
      return;
    case 'unknown':
      attemptUnreachable(core, attempt.id, answer.why);
      return;
  }
}

/** Applies what a backend reports. */
export function takeReport(core: Core, backend: string, event: BackendEvent): void {
  switch (event.kind) {
    case 'phase':
      attemptPhase(core, event.attempt, event.phase, event.at, event.handle);
      return;
    case 'ended':
      attemptEnded(core, event.attempt, event.outcome, { startedAt: event.startedAt, endedAt: event.endedAt });
      return;
    case 'heartbeat':
      attemptLives(core, event.attempt);
      return;
    case 'unreachable':
      attemptUnreachable(core, event.attempt, event.why);
      return;
    case 'gone':
      attemptGone(core, event.attempt, {
        why: event.why,
        neverStarted: event.neverStarted,
        placeDied: event.placeDied,
      });
      return;
    case 'places':
      takeOffer(core, backend, event.places);
      return;
    case 'access':
      takeAccess(core, backend, event.needs);
      return;
  }
}

/** A target that wants its user is granted nothing; people are told once what mends it. */
function takeAccess(core: Core, name: string, needs: LoginNeed | undefined): void {
  const backend = core.backends.get(name);
  if (backend === undefined) return;
  const wasOpen = backend.needs === undefined;
  backend.needs = needs;
  core.grantable = true;
  if (needs !== undefined && wasOpen) core.notice('login', needText(name, needs));
  else if (needs === undefined && !wasOpen) core.notice('login', `${name} lets us in again`);
}

function takeOffer(core: Core, name: string, places: readonly Place[]): void {
  const backend = core.backends.get(name);
  if (backend !== undefined) takePlaces(core, backend, places);
}
