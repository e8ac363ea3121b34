import type { Clock, Outcome } from '../../model/index.ts';
import type { MemoryGroup } from '../../process/index.ts';

const MIB = 1024 * 1024;
const LEAVES_WITHIN_MS = 100;
/** A little above its bound at one look there may be what is given back soon; so much above it one look is enough. */
const FAR_ABOVE = 1.25;
const LOOKS_ABOVE = 2;

/** How much memory an attempt was granted, and who sees to it that it takes no more: the kernel by a group, else our own looks. */
export class MemoryBound {
  readonly #limit: number;
  readonly #group: MemoryGroup | undefined;
  #looksAbove = 0;
  /** What it held when it was ended for it; 0: it was not. */
  #over = 0;

  constructor(limitBytes: number, group: MemoryGroup | undefined) {
    this.#limit = limitBytes;
    this.#group = group;
  }

  /** Takes what its processes hold together at a look; true when it is to be ended for that, now. */
  look(heldBytes: number): boolean {
    if (this.#group !== undefined || this.#over > 0) return false;
    this.#looksAbove = heldBytes > this.#limit ? this.#looksAbove + 1 : 0;
    if (this.#looksAbove < LOOKS_ABOVE && heldBytes <= this.#limit * FAR_ABOVE) return false;
    this.#over = heldBytes;
    return true;
  }

  /** The outcome of an attempt that ended badly, when it ended for its bound; asked once nothing of it lives. */
  judge(): Outcome | undefined {
    const isSpent = this.#over > 0 || (this.#group?.kills ?? 0) > 0;
    if (!isSpent) return undefined;
    const peak = this.#over > 0 ? this.#over : (this.#group?.peakBytes ?? this.#limit);
    const [limit, most] = [this.#limit, peak].map((bytes) => `${Math.round(bytes / MIB)} MiB`);
    const by = this.#over > 0 ? 'ended by our watch' : 'killed by the kernel';
    return { kind: 'memory', note: `out of memory: it held ${most} of the ${limit} it was granted, and was ${by}` };
  }

  /** Nothing of the attempt lives: its group goes, a moment later where the kernel has not let go of who has ended. */
  leave(clock: Clock): void {
    if (!this.release()) clock.after(LEAVES_WITHIN_MS, () => this.release());
  }

  /** Takes its group away. False while the kernel still counts somebody in it. */
  release(): boolean {
    return this.#group?.remove() ?? true;
  }
}
