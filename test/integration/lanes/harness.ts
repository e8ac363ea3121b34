import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AttemptOrder, Backend, BackendEvent, Grant, Outcome, ResolvedWork } from '../../../src/model/index.ts';
import { type BackendFixture, BackendRig } from '../../../src/testing/index.ts';
import { backendFixture } from '../../backend-fixture.ts';

export { body, call } from './works.ts';

export async function laneFixture(backend: Backend): Promise<BackendFixture> {
  return backendFixture('lanes', backend);
}

/** An open backend of lanes, and short words for what tests do with it. */
export class Lanes implements AsyncDisposable {
  readonly rig: BackendRig;
  readonly project: string;
  readonly #fixture: BackendFixture;

  static async open(backend: Backend): Promise<Lanes> {
    const fixture = await laneFixture(backend);
    return new Lanes(fixture, await BackendRig.open(fixture));
  }

  private constructor(fixture: BackendFixture, rig: BackendRig) {
    this.#fixture = fixture;
    this.rig = rig;
    this.project = fixture.project;
  }

  get ledger(): string {
    return join(this.project, 'ledger');
  }

  order(work: ResolvedWork, more: Partial<Grant> = {}): AttemptOrder {
    const order = this.rig.order(work);
    return { ...order, grant: { ...order.grant, ...more } };
  }

  async start(work: ResolvedWork, more: Partial<Grant> = {}): Promise<AttemptOrder> {
    const order = this.order(work, more);
    await this.rig.launch([order]);
    return order;
  }

  /** Makes a call to its end. */
  async run(work: ResolvedWork, more: Partial<Grant> = {}): Promise<Outcome> {
    return this.outcome(await this.start(work, more));
  }

  async outcome(order: AttemptOrder): Promise<Outcome> {
    const end = await this.rig.end(order);
    if (end.kind === 'gone') throw new Error(`${order.job} is gone`);
    return end.outcome;
  }

  /** The value of a call that ends well. */
  async value(work: ResolvedWork, more: Partial<Grant> = {}): Promise<unknown> {
    const outcome = await this.run(work, more);
    if (outcome.kind !== 'ok') throw new Error(JSON.stringify(outcome));
    if (outcome.value === undefined) return undefined;
    if (outcome.value.codec !== 'json') throw new Error('not JSON');
    return JSON.parse(outcome.value.json) as unknown;
  }

  /** Resolves when a call has been heard to run. */
  async running(order: AttemptOrder): Promise<void> {
    const isActive = (event: BackendEvent): boolean => event.kind === 'phase' && event.phase === 'active';
    await this.rig.until(() => this.rig.of(order).some(isActive) || undefined, `${order.job} never began`);
  }

  said(order: AttemptOrder, stream: 'stdout' | 'stderr'): string {
    return readFileSync(join(order.directory, stream), 'utf8');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#fixture[Symbol.asyncDispose]();
  }
}
