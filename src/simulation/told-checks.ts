import { type EngineEvent, isFinal } from '../model/index.ts';
import type { SimulatedDisk } from './simulated-disk.ts';
import type { World } from './world.ts';

/** What listeners of one engine may be told: what the store has, each step once, in order (I2). */
export class ToldChecks {
  readonly #world: World;
  readonly #disk: SimulatedDisk;
  readonly #lastSeq = new Map<string, number>();

  constructor(world: World, disk: SimulatedDisk) {
    this.#world = world;
    this.#disk = disk;
  }

  check(events: readonly EngineEvent[]): void {
    for (const event of events) {
      switch (event.kind) {
        case 'job':
          this.#checkJob(event);
          break;
        case 'run':
          this.#checkRun(event);
          break;
        case 'notice':
          this.#world.trace(() => `notice ${event.code}: ${event.message}`);
      }
    }
  }

  #checkJob(event: EngineEvent & { kind: 'job' }): void {
    const said = `${event.job} ${event.status} (${event.detail}) #${event.fence} at ${event.seq}`;
    this.#world.trace(() => `told ${said}`);
    const stored = this.#disk.get(event.run);
    const step = stored?.transitions[event.seq - 1];
    if (step === undefined) {
      this.#world.fail('told', `${said} was told, and the store has no such step`);
      return;
    }
    const isSame = step.job === event.index && step.to === event.status && step.detail === event.detail;
    if (!isSame || step.fence !== event.fence) {
      this.#world.fail(
        'told',
        `${said} was told, and the store has j${step.job} ${step.to} (${step.detail}) #${step.fence}`,
      );
    }
    if (this.#disk.durability === 'full' && this.#disk.unsynced > 0)
      this.#world.fail('told', `${said} was told unsynced`);
    const last = this.#lastSeq.get(event.run) ?? 0;
    if (event.seq <= last) this.#world.fail('I2', `${said} was told after ${last}`);
    this.#lastSeq.set(event.run, event.seq);
  }

  #checkRun(event: EngineEvent & { kind: 'run' }): void {
    this.#world.trace(() => `told run ${event.status} (${event.detail})`);
    const row = this.#disk.get(event.run)?.row;
    // A run that ended and was opened again by a retry in the same commit window is told in order, after both.
    if (row === undefined || (isFinal(event.status) && row.endedAt === 0)) {
      this.#world.fail(
        'told',
        `run ${event.run} was told ${event.status}, and the store says ${row?.status ?? 'nothing'}`,
      );
    }
  }
}
