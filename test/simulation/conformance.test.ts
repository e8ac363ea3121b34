import { tmpdir } from 'node:os';
import { describe, expect, test } from 'vitest';
import { type AttemptOrder, newOwnerId } from '../../src/model/index.ts';
import {
  type Behaviour,
  Ledger,
  NO_SITE_FAULTS,
  NO_STORE_FAULTS,
  Openings,
  SimulatedBackend,
  SimulatedDisk,
  SimulatedProcess,
  SimulatedSite,
  SimulatedStore,
  type SiteProfile,
  World,
} from '../../src/simulation/index.ts';
import { badDayCallBodies, callBodies } from '../../src/testing/backend-cases-calls.ts';
import { backendCasesFor, type BackendFixture, storeCasesFor, type StoreFixture } from '../../src/testing/index.ts';

const never = (): boolean => false;

describe('the simulated store is a store', () => {
  // It keeps nothing of what jobs were made of: reuse is not simulated.
  test.each(storeCasesFor(['jobs', 'another', 'reopen']))('$name', async (storeCase) => {
    const world = new World({ seed: 1 });
    await world.until(storeCase.run(async () => storeFixture(world)));
    expect(world.violation).toBeUndefined();
  });
});

function storeFixture(world: World): StoreFixture {
  const disk = new SimulatedDisk('full');
  const openings = new Openings();
  const processes: SimulatedProcess[] = [];
  const open = (): SimulatedStore => {
    const name = `process${processes.length}`;
    const process = new SimulatedProcess(world, name, never);
    processes.push(process);
    const dice = world.dice(name);
    const faults = () => ({ ...NO_STORE_FAULTS, commitMs: [1, 5], readMs: [0, 2] }) as const;
    return new SimulatedStore({ disk, openings, process, owner: newOwnerId(dice), dice, faults });
  };
  const store = open();
  return {
    store,
    another: async () => open(),
    reopen: async () => {
      processes[0]?.crash('reopened');
      return open();
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

const SITES: readonly SiteProfile[] = [
  {
    name: 'threads-like',
    places: [{ name: 'here', cpus: 2 }],
    recoverable: false,
    batches: false,
    local: true,
    launchMs: [0, 0],
    reportMs: [0, 0],
    heartbeatMs: 0,
  },
  {
    name: 'scheduler-like',
    places: [{ name: 'main', cpus: 8 }],
    recoverable: true,
    batches: true,
    local: false,
    launchMs: [10, 100],
    reportMs: [0, 0],
    heartbeatMs: 0,
  },
  {
    name: 'lanes-like',
    places: [{ name: 'pool', cpus: 32, ahead: 4 }],
    recoverable: false,
    batches: false,
    local: true,
    launchMs: [0, 3],
    reportMs: [0, 0],
    heartbeatMs: 0,
    lanes: true,
  },
];

/** A simulated body waits and ends as it is told to: it calls no function of anybody's. */
const ofFunctions: ReadonlySet<string> = new Set([
  ...callBodies.map(({ name }) => name),
  ...badDayCallBodies.map(({ name }) => `${name}, on a bad day`),
]);
const cases = backendCasesFor(['calls']).filter(({ name }) => !ofFunctions.has(name));

describe.each(SITES)('the simulated $name backend is a backend', (profile) => {
  test.each(cases)('$name', async (backendCase) => {
    const world = new World({ seed: 1 });
    await world.until(backendCase.run(async () => backendFixture(world, profile)));
    expect(world.violation).toBeUndefined();
  });
});

function backendFixture(world: World, profile: SiteProfile): BackendFixture {
  const watcher = { behaviourOf, onLaunch: () => undefined };
  const site = new SimulatedSite({ world, profile, ledger: new Ledger(), watcher, faults: () => NO_SITE_FAULTS });
  const process = new SimulatedProcess(world, 'engine', never);
  return {
    backend: new SimulatedBackend(site, process),
    clock: process.clock,
    random: world.dice('fixture'),
    directory: tmpdir(),
    project: tmpdir(),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** Waits as long as it is told to, as the suite's calls are. */
function behaviourOf({ work }: AttemptOrder): Behaviour {
  const [ms] = work.kind === 'call' && work.call.kind === 'builtin' && work.call.name === 'wait' ? work.args : [];
  return { startMs: 1, durationMs: Number(ms ?? 0), outcome: { kind: 'ok' }, obeysTerm: true };
}
