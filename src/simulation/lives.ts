import type { EngineApi } from '../engine/index.ts';
import type { OwnerId } from '../model/index.ts';
import type { Dice } from './dice.ts';
import { type Life, type LifeContext, newLife, openLife } from './life.ts';
import { type Boundary, SimulatedProcess } from './simulated-process.ts';
import type { World } from './world.ts';

export interface LivesContext extends LifeContext {
  readonly world: World;
  /** Nobody is killed any more, but where the scenario says so by number. */
  readonly isCalm: () => boolean;
  /** An engine died, or ended. */
  readonly died: () => void;
  /** An engine is open. */
  readonly opened: (life: Life, engine: EngineApi) => void;
}

/** All engines there were, one after the other: when one dies, another begins. */
export class Lives {
  readonly all: Life[] = [];
  /** Boundaries that were passed, over all lives. */
  readonly boundaries: Boundary[] = [];
  readonly dice: Dice;
  deaths = 0;
  readonly #context: LivesContext;

  constructor(context: LivesContext) {
    this.#context = context;
    this.dice = context.world.dice('crash');
  }

  /** Whom users talk to. */
  get current(): Life | undefined {
    return this.all.at(-1);
  }

  get living(): readonly Life[] {
    return this.all.filter((life) => life.process.alive);
  }

  ownerOf(process: SimulatedProcess): OwnerId | undefined {
    return this.all.find((life) => life.process === process)?.owner;
  }

  /** A new engine in a new process. */
  begin(): void {
    const { world, scenario, opened } = this.#context;
    const name = `engine${this.all.length}`;
    const process = new SimulatedProcess(world, name, (boundary) => this.#diesAt(boundary));
    const life = newLife(process, this.#context);
    process.onDeath(() => {
      this.deaths += 1;
      this.#context.died();
      if (this.current === life) world.after(this.dice.int(...scenario.crash.restartMs), () => this.begin());
    });
    this.all.push(life);
    world.trace(() => `${name} begins`);
    void openLife(life, (engine) => opened(life, engine));
  }

  /** An engine is told to end; its process ends when it has. */
  stop(life: Life, how: (engine: EngineApi) => Promise<void>): void {
    const { engine, process } = life;
    if (engine === undefined || !process.alive || process.stopped || life.closing) return;
    life.closing = true;
    const { world } = this.#context;
    const failed = (error: unknown): void => world.fail('answer', `an engine does not stop: ${String(error)}`);
    how(engine)
      .then(() => engine.shutdown())
      .then(() => process.crash('it ended'), failed);
  }

  #diesAt(boundary: Boundary): boolean {
    const { crash } = this.#context.scenario;
    this.boundaries.push(boundary);
    if (crash.at.includes(this.boundaries.length - 1)) return true;
    return !this.#context.isCalm() && this.deaths < crash.most && this.dice.chance(crash.perBoundary);
  }
}
