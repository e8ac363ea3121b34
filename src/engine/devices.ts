/** Parts of a device that differ by less are the same. */
const SLACK = 1e-9;

/**
 * The GPUs of one machine and how much of each is held: a whole one, or parts that make up one. Places that hand out the same
 * devices share one of these. What is held of a device stays held when nobody offers that any more.
 */
export type DeviceUse = Map<number, number>;

/** Which devices a request of so many could have now, of those that are offered; undefined when there are not enough free. */
export function findDevices(
  offered: readonly number[],
  held: DeviceUse,
  wanted: number,
): readonly number[] | undefined {
  if (wanted < 1) {
    const shared = mostUsedThatFits(offered, held, wanted);
    return shared === undefined ? undefined : [shared];
  }
  const free: number[] = [];
  for (const gpu of offered) {
    if ((held.get(gpu) ?? 0) > SLACK) continue;
    free.push(gpu);
    if (free.length >= wanted) return free;
  }
  return undefined;
}

/** Parts go where there are parts already, so that whole devices stay whole. */
function mostUsedThatFits(offered: readonly number[], held: DeviceUse, part: number): number | undefined {
  let best: number | undefined;
  let bestUsed = -1;
  for (const gpu of offered) {
    const used = held.get(gpu) ?? 0;
    if (used + part > 1 + SLACK || used <= bestUsed) continue;
    best = gpu;
    bestUsed = used;
  }
  return best;
}

/** Counts devices as held (1) or given back (-1), so much of each. */
export function countDevices(held: DeviceUse, gpus: readonly number[], by: number): void {
  for (const gpu of gpus) {
    const used = (held.get(gpu) ?? 0) + by;
    if (used > SLACK) held.set(gpu, used);
    else held.delete(gpu);
  }
}
