import { FileHasher } from '../../files/index.ts';
import {
  type AttemptId,
  type AttemptOrder,
  type Backend,
  type BackendCapabilities,
  type BackendContext,
  type LaunchAnswer,
  type LoginNeed,
  type Place,
  type RecoverAnswer,
  type RecoverQuery,
} from '../../model/index.ts';
import type { Depot } from '../depot/index.ts';
import type { Scheduler, StatusAnswer } from '../scheduler/index.ts';
import type { Transport } from '../transport/index.ts';
import { AttemptBook } from './attempt-book.ts';
import { Collector } from './collector.ts';
import { CANCELLED } from './judge-end.ts';
import { type NativeAttempt, standingKey } from './native-attempt.ts';
import { type CommandOrder, type PlannedElement, planFolder, planNatively, readPlans } from './native-plan.ts';
import { arrayLimits } from './native-request.ts';
import { NativeWatch } from './native-watch.ts';
import { openSite } from './open-site.ts';
import { fitForTarget, unfitness } from './orders.ts';
import { remoteAttempt } from './remote-attempt.ts';
import {
  DEFAULT_CPUS,
  DEFAULT_GPUS,
  DEFAULT_LOGIN_RETRY_MS,
  DEFAULT_POLL,
  DEFAULT_SETTLE_MS,
  type RemoteSettings,
} from './settings.ts';
import type { Site, SiteFailure } from './site.ts';
import { Submitter } from './submitter.ts';
import { joinPoll, leavePoll, type TargetPoll } from './target-poll.ts';
import { within } from './within.ts';

export interface RemoteBackendOptions {
  readonly name: string;
  /** Disposed of with the backend. */
  readonly transport: Transport;
  readonly scheduler: Scheduler;
  /** Wanted where the transport shares no files. */
  readonly depot?: Depot;
  readonly settings?: RemoteSettings;
}

/** Commands on a batch system: its own queue decides who runs where; this submits, watches, collects and ends. */
export function remoteBackend(options: RemoteBackendOptions): Backend {
  return new RemoteBackend(options);
}

const CAPABILITIES: BackendCapabilities = {
  commands: true,
  calls: false,
  recoverable: true,
  batches: true,
  local: false,
};

/** What can't be reached by then is waited for by those who want to run there. */
const OPEN_WITHIN_MS = 10_000;

interface Opened {
  readonly context: BackendContext;
  readonly site: Site;
  readonly book: AttemptBook<NativeAttempt>;
  readonly collector: Collector<NativeAttempt>;
  readonly watch: NativeWatch;
  readonly submitter: Submitter;
  readonly poll: TargetPoll<StatusAnswer>;
}

class RemoteBackend implements Backend {
  readonly name: string;
  readonly capabilities = CAPABILITIES;
  readonly #options: RemoteBackendOptions;
  #opened: Opened | undefined;

  constructor(options: RemoteBackendOptions) {
    this.name = options.name;
    this.#options = options;
  }

  async open(context: BackendContext): Promise<readonly Place[]> {
    const { settings = {} } = this.#options;
    this.#opened = this.#assemble(context, settings);
    const found = this.#opened.site.open().then((answer) => {
      if (answer.kind === 'login') this.#login(answer.need);
    });
    await within(context.clock, OPEN_WITHIN_MS, found);
    const gpus = settings.gpus ?? DEFAULT_GPUS;
    return [{ name: this.name, cpus: settings.cpus ?? DEFAULT_CPUS, gpus: Array.from({ length: gpus }, (_, n) => n) }];
  }

  async launch(orders: readonly AttemptOrder[]): Promise<readonly LaunchAnswer[]> {
    const { context, site, book, submitter } = this.#use();
    const { settings = {} } = this.#options;
    const ready = await site.open();
    if (ready.kind !== 'done') return this.#notReady(orders, ready);
    const answers = new Map<AttemptId, LaunchAnswer>();
    const fit: CommandOrder[] = [];
    for (const order of orders) {
      const why = unfitness(order, site);
      if (why !== undefined) answers.set(order.attempt, { kind: 'refused', retryable: false, why });
      // Which devices it gets is the system's to say.
      else if (order.work.kind === 'command') fit.push(fitForTarget(withoutDevices(order), order.work, settings));
    }
    await Promise.all(
      planNatively(fit, arrayLimits(this.#options.scheduler, settings)).map(async (plan) => {
        const attempts = plan.members.map(({ order, work, native }) => {
          const attempt = nativeAttempt(order, work, { marker: plan.marker, native, site });
          book.add(attempt);
          return attempt;
        });
        const [first] = attempts as [NativeAttempt];
        const folder = planFolder(context.directory, this.name, first.submission);
        const said = await submitter.submit({ plan, attempts, folder });
        for (const attempt of attempts)
          answers.set(attempt.attempt, said.get(attempt) ?? { kind: 'accepted', handle: '' });
      }),
    );
    return orders.map(({ attempt }) => answers.get(attempt) ?? { kind: 'unknown', why: 'nobody answered' });
  }

  cancel(id: AttemptId, graceMs: number): void {
    const opened = this.#opened;
    const attempt = opened?.book.find(id);
    if (opened === undefined || attempt === undefined || attempt.cancelling !== undefined) return;
    attempt.cancelling = { graceMs };
    if (attempt.stage === 'line') return opened.book.end(attempt, CANCELLED);
    opened.watch.cancel(attempt);
    opened.poll.hurry();
  }

  async recover(queries: readonly RecoverQuery[]): Promise<readonly RecoverAnswer[]> {
    const { book, poll, watch } = this.#use();
    const strange = queries.filter(({ attempt }) => book.known(attempt) === undefined);
    if (strange.length > 0) await poll.fresh();
    const found = await this.#trace(strange);
    return queries.map(
      ({ attempt }) => found.get(attempt) ?? book.known(attempt) ?? { kind: 'unknown', why: watch.trouble },
    );
  }

  release(attempts: readonly AttemptId[]): void {
    this.#opened?.book.release(attempts);
    if (this.#options.settings?.keep !== true) this.#opened?.site.release(attempts);
  }

  /** What was submitted goes on, and is found again by `recover`. */
  async [Symbol.asyncDispose](): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    if (opened !== undefined) {
      leavePoll(opened.watch, opened.context.clock);
      opened.submitter.close();
      opened.book.clear();
      await opened.collector.close();
      await opened.site.close();
    }
    await this.#options.transport[Symbol.asyncDispose]();
  }

  /** It wants its user: it is asked again and again whether it still does. */
  #login(need: LoginNeed): void {
    this.#opened?.book.access(need);
    this.#opened?.poll.hurry();
  }

  /** Nothing can be begun where not even our own directory can be reached. */
  #notReady(orders: readonly AttemptOrder[], answer: SiteFailure): readonly LaunchAnswer[] {
    if (answer.kind === 'login') this.#login(answer.need);
    const why = answer.kind === 'login' ? answer.need.why : answer.why;
    const retryable = answer.kind !== 'refused' || answer.retryable;
    return orders.map(() => ({ kind: 'refused', retryable, why }));
  }

  #assemble(context: BackendContext, settings: RemoteSettings): Opened {
    const { transport, scheduler, name, depot } = this.#options;
    const { clock, logger } = context;
    const site = openSite({ name, context, transport, depot, settings });
    const book = new AttemptBook<NativeAttempt>({ report: (event) => this.#opened?.context.report(event) });
    const places = {
      hasher: new FileHasher(() => clock.now().wall),
      store: context.directory,
      project: context.project,
    };
    const collector = new Collector<NativeAttempt>({
      site,
      book,
      places,
      clock,
      logger,
      login: (need) => this.#login(need),
      told: () => void submitter.pump(),
    });
    const watch = new NativeWatch({
      ...{ transport, scheduler, site, book, collector, clock, logger },
      pollMs: settings.pollMs ?? DEFAULT_POLL,
      loginRetryMs: settings.loginRetryMs ?? DEFAULT_LOGIN_RETRY_MS,
      settleMs: settings.settleMs ?? DEFAULT_SETTLE_MS,
    });
    const poll = joinPoll(watch, clock);
    const stages = !transport.sharesFiles;
    const submitted = (): void => poll.hurry();
    const submitter = new Submitter({
      site,
      scheduler,
      transport,
      clock,
      settings,
      book,
      stages,
      submitted,
      login: (need) => this.#login(need),
    });
    return { context, site, book, collector, watch, submitter, poll };
  }

  /** Looks for attempts that this process knows nothing of: whoever lives is followed from then on. */
  async #trace(queries: readonly RecoverQuery[]): Promise<ReadonlyMap<AttemptId, RecoverAnswer>> {
    const answers = new Map<AttemptId, RecoverAnswer>();
    const { site, book, watch, context } = this.#use();
    const ready = await site.open();
    if (ready.kind !== 'done') return answers;
    const plans = new Map<string, ReadonlyMap<number, PlannedElement>>();
    const lost: NativeAttempt[] = [];
    const asked: { readonly attempt: NativeAttempt; readonly plan: PlannedElement | undefined }[] = [];
    for (const query of queries) {
      if (book.known(query.attempt) !== undefined) continue;
      if (query.work.kind !== 'command' || query.directory === '') {
        answers.set(query.attempt, { kind: 'gone', why: 'it never was a command here', neverStarted: true });
        continue;
      }
      const folder = planFolder(context.directory, this.name, query.submission);
      let ofSubmission = plans.get(folder);
      if (ofSubmission === undefined) plans.set(folder, (ofSubmission = readPlans(folder)));
      const plan = ofSubmission.get(query.element);
      const native = { marker: plan?.marker ?? '', native: plan?.native ?? 0, site };
      const attempt = nativeAttempt(query, query.work, native);
      asked.push({ attempt, plan });
    }
    if (asked.length === 0) return answers;
    const traced = await site.traces(
      asked.map(({ attempt }) => attempt),
      { fence: false },
    );
    if (traced.kind !== 'done') {
      const why = traced.kind === 'login' ? traced.need.why : traced.why;
      for (const { attempt } of asked) answers.set(attempt.attempt, { kind: 'unknown', why });
      return answers;
    }
    for (const [i, { attempt, plan }] of asked.entries()) {
      const trace = traced.traces[i] ?? { kind: 'none' };
      if (plan === undefined && trace.kind !== 'ended') {
        lost.push(attempt);
        continue;
      }
      this.#adopt(attempt, plan);
      if (trace.kind === 'ended') watch.recorded(attempt);
      const startedAt = trace.kind === 'claimed' ? trace.startedAt : undefined;
      answers.set(attempt.attempt, this.#answerOf(attempt, startedAt));
    }
    this.#use().collector.go();
    await this.#fence(lost, answers);
    return answers;
  }

  #adopt(attempt: NativeAttempt, plan: PlannedElement | undefined): void {
    const { book, poll, context } = this.#use();
    const now = context.clock.now();
    attempt.stage = plan?.id === undefined ? 'asked' : 'taken';
    attempt.jobId = plan?.id;
    attempt.since = now.mono - Math.max(0, now.wall - (plan?.at ?? 0));
    book.add(attempt);
    poll.hurry();
  }

  #answerOf(attempt: NativeAttempt, startedAt: number | undefined): RecoverAnswer {
    const { watch } = this.#use();
    const since = startedAt === undefined ? {} : { startedAt };
    if (attempt.record !== undefined) return { kind: 'running', phase: 'staging-out', ...since };
    const { last } = watch;
    if (last === undefined) {
      // It is followed all the same: when the system answers, so does it.
      attempt.isSilent = true;
      return { kind: 'unknown', why: watch.trouble };
    }
    const job = last.jobs.get(standingKey(attempt, attempt.native));
    if (job === undefined) return { kind: 'running', phase: startedAt === undefined ? 'starting' : 'active', ...since };
    attempt.elementId = job.id;
    attempt.stage = 'taken';
    const runs = job.standing === 'running' || job.standing === 'suspended';
    attempt.isActive = runs;
    attempt.restarts = job.restarts ?? 0;
    return { kind: 'running', handle: job.id, phase: runs ? 'active' : 'starting', ...since };
  }

  /** Nothing was ever submitted for these, as far as is written down: nothing of them will begin. */
  async #fence(attempts: readonly NativeAttempt[], answers: Map<AttemptId, RecoverAnswer>): Promise<void> {
    if (attempts.length === 0) return;
    const fenced = await this.#use().site.traces(attempts, { fence: true });
    for (const [i, { attempt }] of attempts.entries()) {
      if (fenced.kind !== 'done') answers.set(attempt, { kind: 'unknown', why: 'its place does not answer' });
      else if (fenced.traces[i]?.kind === 'none')
        answers.set(attempt, {
          kind: 'gone',
          why: 'it was never submitted, and can start no more',
          neverStarted: true,
        });
      else answers.set(attempt, { kind: 'gone', why: 'it began, and nothing is known of its native job' });
    }
  }

  #use(): Opened {
    if (this.#opened === undefined) throw new Error(`the backend ${this.name} is not open`);
    return this.#opened;
  }
}

function withoutDevices(order: AttemptOrder): AttemptOrder {
  const { gpus: _, gpuShare: __, ...grant } = order.grant;
  return { ...order, grant };
}

function nativeAttempt(
  of: AttemptOrder | RecoverQuery,
  work: CommandOrder['work'],
  { marker, native, site }: { readonly marker: string; readonly native: number; readonly site: Site },
): NativeAttempt {
  return {
    ...remoteAttempt(of, work, site.directoryOf(of.directory)),
    submission: of.submission,
    marker,
    native,
    stage: 'line',
    since: -Infinity,
    jobId: undefined,
    elementId: undefined,
    doubts: 0,
    record: undefined,
    recordLooks: 0,
    told: '',
    never: undefined,
    restarts: 0,
    cancelSentAt: undefined,
  };
}
