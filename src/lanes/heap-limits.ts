const MIB = 1024 * 1024;
/** V8 needs some to begin with. */
const LEAST_MIB = 16;

/**
 * What V8 may hold of what was made just now (three half-spaces), beside the heap whose limit was granted. Left to
 * itself it takes up to 192 MiB, by which a small limit would mean little.
 */
export const YOUNG_BYTES: number = 48 * MIB;

/** Limits of a thread whose calls may hold so much. */
export function threadLimits(memoryBytes: number): {
  readonly maxOldGenerationSizeMb: number;
  readonly maxYoungGenerationSizeMb: number;
} {
  return { maxOldGenerationSizeMb: oldMib(memoryBytes), maxYoungGenerationSizeMb: YOUNG_BYTES / MIB };
}

/** The same as flags of a process. */
export function heapFlags(memoryBytes: number): readonly string[] {
  return [`--max-old-space-size=${oldMib(memoryBytes)}`, `--max-semi-space-size=${YOUNG_BYTES / MIB / 3}`];
}

const oldMib = (memoryBytes: number): number => Math.max(LEAST_MIB, Math.floor(memoryBytes / MIB));
