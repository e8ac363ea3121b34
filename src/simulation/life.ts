import { type EngineApi, type EngineOptions, EngineShell, type ResolveWork } from '../engine/index.ts';
import { type Json, newOwnerId, type OwnerId } from '../model/index.ts';
import { checkedExpand } from './control-checks.ts';
import type { RunFacts } from './facts.ts';
import type { Scenario } from './scenario.ts';
import { SimulatedBackend } from './simulated-backend.ts';
import type { SimulatedDisk } from './simulated-disk.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { SimulatedSite } from './simulated-site.ts';
import { type Openings, SimulatedStore, type StoreFaults } from './simulated-store.ts';

/** One engine in one process, with its openings of the store and of every site. */
export interface Life {
  readonly process: SimulatedProcess;
  readonly owner: OwnerId;
  readonly store: SimulatedStore;
  readonly options: EngineOptions;
  /** Absent until it is open. */
  engine: EngineApi | undefined;
  /** Runs it has started or taken over, as it said, and since when. */
  readonly holds: Map<string, number>;
  /** When it was last asked to start or take over each run. */
  readonly takenAt: Map<string, number>;
  /** Wishes that it has not answered. */
  asked: number;
  /** The others take it for dead: what it believes may be old, until it hears of it. */
  disowned: boolean;
  /** It was told to stop: nothing more is asked of it. */
  closing: boolean;
}

export interface LifeContext {
  readonly scenario: Scenario;
  readonly disk: SimulatedDisk;
  readonly openings: Openings;
  readonly sites: readonly SimulatedSite[];
  readonly storeFaults: () => StoreFaults;
  readonly isGateOpen: () => boolean;
  readonly factsOf: (run: string) => RunFacts | undefined;
}

/** A simulated node takes the values of its data edges, whatever kind it is. */
const resolveWork: ResolveWork = (node) => {
  const { args } = JSON.parse(node.payload) as { readonly args: readonly { readonly $ref: readonly [number] }[] };
  const values = args.map(({ $ref }): Json => {
    const value = node.value($ref[0]);
    return value?.codec === 'json' ? (JSON.parse(value.json) as Json) : null;
  });
  return { kind: 'call', call: { kind: 'builtin', name: 'noop' }, args: values };
};

/** Stores take from one commit at a time up to so many. */
const MOST_COMMITS_AHEAD = 4;

/** Prepares an engine's life in a process; `openLife` begins it. */
export function newLife(process: SimulatedProcess, context: LifeContext): Life {
  const { scenario, disk, openings, sites } = context;
  const { world } = process;
  const owner = newOwnerId(world.dice(`owner ${process.name}`));
  const store = new SimulatedStore({
    disk,
    openings,
    process,
    owner,
    dice: world.dice(`store ${process.name}`),
    faults: context.storeFaults,
    commitsAhead: 1 + (scenario.seed % MOST_COMMITS_AHEAD),
  });
  const first = scenario.sites[0]?.name ?? 'local';
  const options: EngineOptions = {
    store,
    backends: sites.map((site) => new SimulatedBackend(site, process)),
    clock: process.clock,
    random: world.dice(`engine ${process.name}`),
    defaultBackends: { command: first, call: first },
    resolveWork,
    expand: checkedExpand({ world, scenario, disk, owner, factsOf: context.factsOf }),
    attemptDirectory: () => '',
    tokens: scenario.tokens,
    strategy: scenario.strategy,
    totals: scenario.totals,
    reserveAfterMs: scenario.reserveAfterMs,
    recheckMs: scenario.recheckMs,
    conditions: {
      gate: context.isGateOpen,
    },
  };
  return {
    process,
    owner,
    store,
    options,
    engine: undefined,
    holds: new Map(),
    takenAt: new Map(),
    asked: 0,
    disowned: false,
    closing: false,
  };
}

/** Opens the engine; calls back when it is open, unless its process has died by then. */
export async function openLife(life: Life, opened: (engine: EngineApi) => void): Promise<void> {
  try {
    const engine = await EngineShell.open(life.options);
    if (!life.process.alive) return;
    life.engine = engine;
    opened(engine);
  } catch (error) {
    if (life.process.alive) life.process.world.fail('open', `the engine does not open: ${String(error)}`);
  }
}
