import type { RunFacts } from './facts.ts';
import type { Lives } from './lives.ts';
import type { WorldAction } from './scenario-actions.ts';
import type { SimulatedDisk } from './simulated-disk.ts';
import type { SimulatedSite } from './simulated-site.ts';
import type { Openings } from './simulated-store.ts';
import type { World } from './world.ts';

/** What operators and the weather can get at. */
export interface Stage {
  readonly world: World;
  readonly disk: SimulatedDisk;
  readonly openings: Openings;
  readonly lives: Lives;
  readonly sites: readonly SimulatedSite[];
  readonly facts: ReadonlyMap<string, RunFacts>;
}

/** Lets something happen to the engine's process, its machine or the world outside. */
export function actOnWorld(action: Exclude<WorldAction, { kind: 'disk-full' }>, stage: Stage): void {
  const { world, lives } = stage;
  const life = lives.current;
  switch (action.kind) {
    case 'crash':
      life?.process.crash('kill -9');
      return;
    case 'power-loss':
      losePower(stage);
      return;
    case 'drain':
      if (life !== undefined) lives.stop(life, (engine) => engine.drain());
      return;
    case 'shutdown':
      if (life !== undefined) lives.stop(life, (engine) => engine.shutdown({ detach: action.detach }));
      return;
    case 'rival':
      lives.begin();
      return;
    case 'zombie':
      takeOver(stage, action);
      return;
    case 'stall':
      life?.process.stop();
      world.after(action.forMs, () => life?.process.continue());
      return;
    case 'wall-jump':
      world.jumpWall(action.byMs);
      return;
    case 'silence':
      stage.sites.find((site) => site.profile.name === action.site)?.fallSilent(action.forMs, action.dies);
      return;
    case 'lanes':
      resizeLanes(stage, action);
      return;
    case 'places':
      takePlace(stage, action);
      return;
    case 'devices':
      loseDevice(stage, action);
  }
}

/** An engine is stopped for longer than its lease, another takes over, and then it goes on as if nothing were. */
function takeOver(
  { world, openings, lives }: Stage,
  { leaseMs, forMs }: WorldAction & { readonly kind: 'zombie' },
): void {
  const life = lives.current;
  if (life === undefined || !life.process.alive || life.closing) return;
  life.process.stop();
  let isOver = false;
  world.after(leaseMs, () => {
    if (isOver || !life.process.alive) return;
    openings.loseLease(life.process);
    life.disowned = true;
    lives.begin();
  });
  world.after(forMs, () => {
    isOver = true;
    life.process.continue();
  });
}

function takePlace({ world, sites }: Stage, action: WorldAction & { readonly kind: 'places' }): void {
  const site = sites.find((each) => each.profile.name === action.site);
  if (site === undefined) return;
  site.setPlaces(site.profile.places.filter((place) => place.name !== action.lose));
  world.after(action.forMs, () => site.setPlaces(site.profile.places));
}

function loseDevice({ world, sites }: Stage, action: WorldAction & { readonly kind: 'devices' }): void {
  const site = sites.find((each) => each.profile.name === action.site);
  if (site === undefined) return;
  site.setPlaces(site.profile.places.map((place) => ({ ...place, gpus: (place.gpus ?? []).slice(0, -1) })));
  world.after(action.forMs, () => site.setPlaces(site.profile.places));
}

function resizeLanes({ world, sites }: Stage, action: WorldAction & { readonly kind: 'lanes' }): void {
  const site = sites.find((each) => each.profile.name === action.site);
  if (site === undefined) return;
  const { cpus, ahead } = action;
  site.setPlaces(site.profile.places.map((place) => ({ ...place, cpus, ahead })));
  world.after(action.forMs, () => site.setPlaces(site.profile.places));
}

function losePower({ disk, lives, sites, facts }: Stage): void {
  for (const life of lives.all) life.process.crash('power loss');
  disk.losePower(lives.dice.int(0, disk.unsynced));
  for (const site of sites) if (site.profile.local) site.losePower();
  for (const each of facts.values()) {
    each.losePower();
    each.readExpansions(disk.get(each.id) ?? { graphs: [] });
  }
}
