/**
 * The neighbour list of a periodic fluid: for each particle its partners of higher number, grouped by the image of
 * the box they are seen in. All pairs of a group share one shift, so the loop over forces has no periodic boundary
 * to look after, which is a third of its time.
 */
export interface Neighbours {
  readonly particles: number;
  readonly box: number;
  readonly cutoff: number;
  readonly skin: number;
  /** Number of groups now. */
  groups: number;
  /** Three times the particle a group belongs to: its place in arrays of coordinates. */
  readonly particleOf: Int32Array;
  /** What to take from that particle's x, y, z to see its partners without periodic images. */
  readonly shiftOf: Float64Array;
  /** Partners of group g are `partners[offsets[g] .. offsets[g + 1]]`, each three times its number. */
  readonly offsets: Int32Array;
  partners: Int32Array;
  /** Where everybody stood when the list was made. */
  readonly built: Float64Array;
  /** Partners of one particle while they are sorted: a row an image. */
  readonly scratch: Int32Array;
}

/** Images a partner can be seen in: this box and the 26 around it. */
const IMAGES = 27;

/** Adding and taking away 1.5 x 2^52 rounds to the nearest whole number, without a branch for the processor to guess. */
const ROUNDER = 6755399441055744;

/** Makes an empty list. */
export function createNeighbours(
  particles: number,
  box: number,
  reach: { readonly cutoff: number; readonly skin: number },
): Neighbours {
  return {
    particles,
    box,
    cutoff: reach.cutoff,
    skin: reach.skin,
    groups: 0,
    particleOf: new Int32Array(IMAGES * particles),
    shiftOf: new Float64Array(3 * IMAGES * particles),
    offsets: new Int32Array(IMAGES * particles + 1),
    partners: new Int32Array(64 * particles),
    built: new Float64Array(3 * particles),
    scratch: new Int32Array(IMAGES * particles),
  };
}

/**
 * Puts everybody back into the box and lists every pair closer than cut-off plus skin. Looks at all pairs: for some
 * hundreds of particles that is cheaper than cells, and it happens once in ten or more steps.
 */
export function buildNeighbours(list: Neighbours, position: Float64Array): void {
  const { particles, box, scratch } = list;
  for (let i = 0; i < position.length; i++) {
    (position[i] as number) -= box * Math.floor((position[i] as number) / box);
  }
  list.built.set(position);
  const inverse = 1 / box;
  const reach = (list.cutoff + list.skin) ** 2;
  const counts = new Int32Array(IMAGES);
  list.groups = 0;
  for (let i = 0; i < 3 * particles; i += 3) {
    const x = position[i] as number;
    const y = position[i + 1] as number;
    const z = position[i + 2] as number;
    counts.fill(0);
    for (let j = i + 3; j < 3 * particles; j += 3) {
      const dx = x - (position[j] as number);
      const dy = y - (position[j + 1] as number);
      const dz = z - (position[j + 2] as number);
      const kx = dx * inverse + ROUNDER - ROUNDER;
      const ky = dy * inverse + ROUNDER - ROUNDER;
      const kz = dz * inverse + ROUNDER - ROUNDER;
      const rx = dx - box * kx;
      const ry = dy - box * ky;
      const rz = dz - box * kz;
      if (rx * rx + ry * ry + rz * rz >= reach) continue;
      const image = kx + 1 + 3 * (ky + 1) + 9 * (kz + 1);
      scratch[image * particles + (counts[image] as number)] = j;
      (counts[image] as number)++;
    }
    appendGroups(list, i, counts);
  }
}

/** Moves the partners of particle i from the scratch rows to the end of the list. */
function appendGroups(list: Neighbours, i: number, counts: Int32Array): void {
  const { particles, box, scratch, offsets, particleOf, shiftOf } = list;
  let group = list.groups;
  let end = offsets[group] as number;
  if (end + particles > list.partners.length) {
    const larger = new Int32Array(2 * list.partners.length + particles);
    larger.set(list.partners);
    list.partners = larger;
  }
  for (let image = 0; image < IMAGES; image++) {
    const count = counts[image] as number;
    if (count === 0) continue;
    particleOf[group] = i;
    shiftOf[3 * group] = box * ((image % 3) - 1);
    shiftOf[3 * group + 1] = box * ((Math.floor(image / 3) % 3) - 1);
    shiftOf[3 * group + 2] = box * (Math.floor(image / 9) - 1);
    for (let k = 0; k < count; k++) list.partners[end++] = scratch[image * particles + k] as number;
    group++;
    offsets[group] = end;
  }
  list.groups = group;
}

/** Whether the two that went furthest since the list was made could have met across the skin: a pair may be missing. */
export function isListStale(list: Neighbours, position: Float64Array): boolean {
  const { built } = list;
  let furthest = 0;
  let second = 0;
  for (let i = 0; i < position.length; i += 3) {
    const dx = (position[i] as number) - (built[i] as number);
    const dy = (position[i + 1] as number) - (built[i + 1] as number);
    const dz = (position[i + 2] as number) - (built[i + 2] as number);
    const r2 = dx * dx + dy * dy + dz * dz;
    if (r2 > furthest) {
      second = furthest;
      furthest = r2;
    } else if (r2 > second) {
      second = r2;
    }
  }
  return Math.sqrt(furthest) + Math.sqrt(second) > list.skin;
}
