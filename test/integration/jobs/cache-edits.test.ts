import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Engine, explainCache, type PlannedJob, planGraph, type RunHandle } from '../../../src/jobs/index.ts';
import type { CommandValue, Value } from '../../../src/model/index.ts';
import { systemClock } from '../../../src/process/index.ts';
import { giveBack, ownFolder } from '../../own-folder.ts';
import { type Edit, type Effect, edit, World, world, type WorldSpec } from './edited-world.ts';
import { RecordingBackend } from './recording-backend.ts';

/** Edits in all: 50 projects of 20 edits each. */
const PROJECTS = 50;
const EDITS_EACH = 20;
const SEED = 20261120;

/** A project, and an engine that runs it again and again. */
class Bench {
  readonly #engine: Engine;
  readonly #world: World;
  readonly #folder: string;
  readonly #backends: readonly RecordingBackend[];
  #run: RunHandle | undefined;

  constructor(engine: Engine, parts: { world: World; folder: string; backends: readonly RecordingBackend[] }) {
    this.#engine = engine;
    this.#world = parts.world;
    this.#folder = parts.folder;
    this.#backends = parts.backends;
  }

  plan(): Promise<readonly PlannedJob[]> {
    return planGraph(this.#world.graph(), {
      store: this.#engine.store,
      clock: systemClock,
      directory: join(this.#folder, '.heddle'),
      project: this.#folder,
    });
  }

  /** Runs the project, and says which jobs really ran. */
  async run(): Promise<ReadonlySet<string>> {
    for (const backend of this.#backends) backend.launched.length = 0;
    this.#run = await this.#engine.run(this.#world.graph());
    const { status } = await this.#run.wait();
    expect(status).toBe('done');
    return new Set(this.#backends.flatMap(({ launched }) => launched));
  }

  async why(index: number): Promise<string> {
    const { id } = this.#run as RunHandle;
    return (await explainCache(this.#engine.store, id, index))?.because ?? '';
  }

  async values(): Promise<readonly (Value | undefined)[]> {
    const { id } = this.#run as RunHandle;
    return this.#engine.store.values(id, [...this.#world.nodes.keys()]);
  }

  /** Where the file that a command wrote lies, while it is there. */
  outputOf(values: readonly (Value | undefined)[], index: number): string | undefined {
    const value = values[index];
    if (value?.codec !== 'json' || !value.json.startsWith('{"outputs"')) return undefined;
    const { outputs } = JSON.parse(value.json) as CommandValue;
    const path = join(this.#folder, '.heddle', outputs['out']?.at ?? '');
    return existsSync(path) ? path : undefined;
  }
}

/** What the plan said is what happened. */
function planHolds(plan: readonly PlannedJob[], ran: ReadonlySet<string>): void {
  const sure = plan.filter(({ action }) => action === 'run').map(({ job }) => job);
  const foreseen = new Set(plan.filter(({ action }) => action !== 'reuse').map(({ job }) => job));
  expect(sure.filter((job) => !ran.has(job))).toEqual([]);
  expect([...ran].filter((job) => !foreseen.has(job))).toEqual([]);
}

/** What was edited runs, and everybody says why; what was not, does not run for its own sake. */
async function whyHolds(
  { world: edited, bench, effect }: { world: World; bench: Bench; effect: Effect },
  plan: readonly PlannedJob[],
  ran: ReadonlySet<string>,
): Promise<void> {
  for (const [index, { name, cached }] of edited.nodes.entries()) {
    if (!cached || !effect.touched.has(name)) continue;
    expect(ran).toContain(name);
    expect(await bench.why(index)).toContain(effect.says);
    const planned = plan.find(({ job }) => job === name);
    if (planned?.action === 'run') expect(planned.because).toContain(effect.says);
  }
}

async function play(spec: WorldSpec, edits: readonly Edit[]): Promise<void> {
  const folder = ownFolder('cache-edits');
  const edited = new World(spec, folder);
  const bodies = { call: edited.call, command: edited.command };
  const backends = [new RecordingBackend('threads', bodies), new RecordingBackend('commands', bodies)];
  {
    await using engine = await Engine.open({ store: join(folder, '.heddle'), project: folder, backends });
    const bench = new Bench(engine, { world: edited, folder, backends });
    planHolds(await bench.plan(), await bench.run());
    for (const each of edits) {
      const values = await bench.values();
      const effect = edited.edit(each, (node) => bench.outputOf(values, node));
      const plan = await bench.plan();
      const ran = await bench.run();
      planHolds(plan, ran);
      await whyHolds({ world: edited, bench, effect }, plan, ran);
      const known = new Map<number, number>();
      for (const [index, value] of (await bench.values()).entries())
        expect(numberOf(value)).toBe(edited.expected(index, known));
    }
  }
  await giveBack(folder);
}

function numberOf(value: Value | undefined): unknown {
  const parsed = value?.codec === 'json' ? (JSON.parse(value.json) as number | CommandValue) : undefined;
  if (typeof parsed !== 'object') return parsed;
  const { n } = parsed.outputs;
  return n?.type === 'json' ? n.value : undefined;
}

test('whatever is edited, the plan says what will run, and why names what was edited', async () => {
  const edits = fc.array(edit, { minLength: EDITS_EACH, maxLength: EDITS_EACH });

  await fc.assert(fc.asyncProperty(world, edits, play), { numRuns: PROJECTS, seed: SEED, endOnFailure: true });
});
