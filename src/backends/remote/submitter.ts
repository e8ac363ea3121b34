import { asError, type Clock, type LaunchAnswer, type LoginNeed, quoteWord, type Timer } from '../../model/index.ts';
import type { NativeRequest, Scheduler, SubmitAnswer } from '../scheduler/index.ts';
import type { Transport } from '../transport/index.ts';
import type { AttemptBook } from './attempt-book.ts';
import type { NativeAttempt } from './native-attempt.ts';
import { elementTable, keepId, keepPlan, type NativePlan } from './native-plan.ts';
import { nativeRequest } from './native-request.ts';
import type { RemoteSettings } from './settings.ts';
import type { Site, SiteFailure } from './site.ts';

export interface SubmitterOptions {
  readonly site: Site;
  readonly scheduler: Scheduler;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly settings: RemoteSettings;
  readonly book: AttemptBook<NativeAttempt>;
  /** Whether files have to travel: people are told. */
  readonly stages: boolean;
  /** The target wants its user. */
  readonly login: (need: LoginNeed) => void;
  /** Something was handed to the system: it is worth a look. */
  readonly submitted: () => void;
}

/** One native job to be, with who travels in it. */
export interface Departure {
  readonly plan: NativePlan;
  readonly attempts: readonly NativeAttempt[];
  /** Where its plan is kept here. */
  readonly folder: string;
}

/** Answers by attempt. */
export type Answers = ReadonlyMap<NativeAttempt, LaunchAnswer>;

interface Waiting extends Departure {
  readonly answered: PromiseWithResolvers<Answers>;
  /** It was told to be accepted; what becomes of it is reported. */
  isTold: boolean;
}

const RETRY_MS = 15_000;
const MS = 1000;

/**
 * Submits native jobs one after the other: as many as may be there at a time, no faster than the site wants. Who finds no room
 * is accepted and stands in line here.
 */
export class Submitter {
  readonly #options: SubmitterOptions;
  readonly #line: Waiting[] = [];
  #timer: Timer | undefined;
  #isBusy = false;
  #isClosed = false;
  #notBefore = -Infinity;

  constructor(options: SubmitterOptions) {
    this.#options = options;
  }

  /** Resolves when it has been submitted, or stands in line. */
  async submit(departure: Departure): Promise<Answers> {
    const waiting: Waiting = { ...departure, answered: Promise.withResolvers<Answers>(), isTold: false };
    this.#line.push(waiting);
    void this.pump();
    return await waiting.answered.promise;
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    for (const waiting of this.#line.splice(0)) this.#accept(waiting, '');
  }

  /** There may be room again. */
  async pump(): Promise<void> {
    if (this.#isBusy || this.#isClosed) return;
    this.#isBusy = true;
    this.#timer?.cancel();
    try {
      for (let [head] = this.#line; head !== undefined; [head] = this.#line) {
        if (!this.#hasRoom(head)) break;
        const retry = await this.#try(head);
        if (this.#isClosed) return;
        if (retry) this.#notBefore = Math.max(this.#notBefore, this.#now() + RETRY_MS);
        else this.#line.shift();
      }
      for (const waiting of this.#line) this.#accept(waiting, '');
    } finally {
      this.#isBusy = false;
    }
    const wait = this.#notBefore - this.#now();
    if (this.#line.length > 0 && wait > 0) this.#timer = this.#options.clock.after(wait, () => void this.pump());
  }

  async #try(waiting: Waiting): Promise<boolean> {
    try {
      return await this.#go(waiting);
    } catch (error) {
      return this.#broke(waiting, asError(error).message);
    }
  }

  #hasRoom({ attempts }: Waiting): boolean {
    const { settings, book } = this.#options;
    if (this.#now() < this.#notBefore) return false;
    if (settings.maxJobs === undefined) return true;
    let there = 0;
    for (const { stage } of book.live()) if (stage !== 'line') there += 1;
    return there + Math.min(attempts.length, settings.maxJobs) <= settings.maxJobs;
  }

  /** True when it is to be tried again. */
  async #go(waiting: Waiting): Promise<boolean> {
    const { site, book, settings, stages } = this.#options;
    const { plan, folder } = waiting;
    // Those who were cancelled in line are not there any more.
    const attempts = waiting.attempts.filter((attempt) => book.has(attempt));
    if (attempts.length === 0) return this.#answer(waiting, new Map());
    if (stages) for (const attempt of attempts) book.phase(attempt, 'staging-in');
    const request = this.#request(plan, attempts);
    const home = request.home;
    const { answer, unfit } = await site.prepare({
      orders: plan.members.filter(({ order }) => attempts.some(({ attempt }) => attempt === order.attempt)),
      home,
      files: [
        { name: `${plan.marker}.elements`, text: elementTable(plan, site) },
        { name: `${plan.marker}.sh`, text: this.#options.scheduler.script(request) },
      ],
    });
    const answers = new Map<NativeAttempt, LaunchAnswer>();
    for (const { order, why } of unfit) {
      const attempt = book.find(order.attempt);
      if (attempt === undefined) continue;
      answers.set(attempt, { kind: 'refused', retryable: false, why });
    }
    const fit = attempts.filter((attempt) => !answers.has(attempt) && book.has(attempt));
    if (answer.kind !== 'done') return this.#failed(waiting, answers, answer);
    if (fit.length > 0) {
      keepPlan(folder, plan, this.#options.clock.now().wall);
      for (const attempt of fit) moveOn(attempt, 'asked', this.#now());
      // Who was cancelled meanwhile, or was found unfit, is no element of it.
      const said = await this.#ask(this.#request(plan, fit), `${home}/${plan.marker}.sh`, fit.length < attempts.length);
      if (settings.submitPerSecond !== undefined) this.#notBefore = this.#now() + MS / settings.submitPerSecond;
      if (said.kind === 'refused' && said.wait && waiting.isTold) {
        for (const attempt of fit) moveOn(attempt, 'line', this.#now());
        return true;
      }
      if (said.kind === 'accepted') keepId(folder, plan.marker, said.id);
      for (const attempt of fit) {
        if (said.kind === 'accepted') attempt.jobId = said.id;
        if (said.kind !== 'refused') moveOn(attempt, said.kind === 'accepted' ? 'taken' : 'asked', this.#now());
        // Nobody knows of it until it is seen.
        attempt.isSilent = said.kind === 'unknown';
        answers.set(attempt, launchAnswer(said));
      }
      if (said.kind !== 'refused') this.#options.submitted();
    }
    return this.#answer(waiting, answers);
  }

  /** What is broken here may have had its effect there. */
  #broke(waiting: Waiting, why: string): false {
    const { book } = this.#options;
    const attempts = waiting.attempts.filter((attempt) => book.has(attempt));
    const answer = ({ stage }: NativeAttempt): LaunchAnswer =>
      stage === 'line' ? { kind: 'refused', retryable: true, why } : { kind: 'unknown', why };
    return this.#answer(waiting, new Map(attempts.map((attempt) => [attempt, answer(attempt)])));
  }

  #request(plan: NativePlan, attempts: readonly NativeAttempt[]): NativeRequest {
    const { site, settings } = this.#options;
    const [{ order }] = plan.members as [NativePlan['members'][number]];
    const { marker, resources } = plan;
    const { scheduling, submission } = order;
    const elements = attempts.map(({ native }) => native);
    return nativeRequest({ marker, submission, elements, resources, scheduling }, { settings, places: site });
  }

  async #ask(request: NativeRequest, path: string, isAltered: boolean): Promise<SubmitAnswer> {
    const { scheduler, transport } = this.#options;
    // The script names its elements: it is written anew where some are left out.
    const again = isAltered ? { input: scheduler.script(request) } : {};
    const before = isAltered ? `cat >${quoteWord(path)} || exit 1\n` : '';
    const answer = await transport.run(`${before}${scheduler.submit(request, path)}`, again);
    switch (answer.kind) {
      case 'ended': {
        const stdout = Buffer.from(answer.stdout).toString('utf8');
        return scheduler.readSubmit({ code: answer.code, stdout, stderr: answer.stderr });
      }
      case 'unreachable':
        return answer.began ? { kind: 'unknown', why: answer.why } : { kind: 'refused', why: answer.why, wait: true };
      case 'login':
        this.#options.login(answer.need);
        return { kind: 'refused', why: answer.need.why, wait: true };
    }
  }

  #failed(waiting: Waiting, answers: Map<NativeAttempt, LaunchAnswer>, failure: SiteFailure): boolean {
    const { login } = this.#options;
    if (failure.kind === 'login') login(failure.need);
    const why = failure.kind === 'login' ? failure.need.why : failure.why;
    const retryable = failure.kind !== 'refused' || failure.retryable;
    if (waiting.isTold && retryable) {
      for (const [attempt, answer] of answers) this.#tell(attempt, answer);
      return true;
    }
    for (const attempt of waiting.attempts)
      if (!answers.has(attempt)) answers.set(attempt, { kind: 'refused', retryable, why });
    return this.#answer(waiting, answers);
  }

  /** Tells what became of it: as the answer that is waited for, else as reports. */
  #answer(waiting: Waiting, answers: Answers): false {
    const { book } = this.#options;
    if (waiting.isTold) for (const [attempt, answer] of answers) this.#tell(attempt, answer);
    else for (const [attempt, { kind }] of answers) if (kind === 'refused') book.forget(attempt);
    waiting.answered.resolve(answers);
    waiting.isTold = true;
    return false;
  }

  #tell(attempt: NativeAttempt, answer: LaunchAnswer): void {
    const { book } = this.#options;
    switch (answer.kind) {
      case 'accepted':
        return book.phase(attempt, 'starting', { handle: answer.handle });
      case 'unknown':
        attempt.isSilent = false;
        return book.unreachable(attempt, answer.why);
      case 'refused': {
        const error = { name: 'LaunchRefused', code: 'BACKEND_UNAVAILABLE', message: answer.why };
        return book.end(attempt, { kind: 'error', error });
      }
    }
  }

  #accept(waiting: Waiting, handle: string): void {
    if (waiting.isTold) return;
    waiting.isTold = true;
    waiting.answered.resolve(new Map(waiting.attempts.map((attempt) => [attempt, { kind: 'accepted', handle }])));
  }

  #now(): number {
    return this.#options.clock.now().mono;
  }
}

function moveOn(attempt: NativeAttempt, stage: NativeAttempt['stage'], now: number): void {
  attempt.stage = stage;
  attempt.since = now;
}

function launchAnswer(said: SubmitAnswer): LaunchAnswer {
  switch (said.kind) {
    case 'accepted':
      return { kind: 'accepted', handle: said.id };
    case 'unknown':
      return { kind: 'unknown', why: said.why };
    case 'refused':
      return { kind: 'refused', retryable: said.wait, why: said.why };
  }
}
