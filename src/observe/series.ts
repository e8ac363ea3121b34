/** One look, or several put together. */
export interface Sample {
  /** CPU used since the look before, in percent of one core. */
  readonly cpuPercent: number;
  /** Resident memory of all processes together. */
  readonly rssBytes: number;
  /** Bytes read from and written to storage, in all so far. */
  readonly ioBytes: number;
}

/** Samples at even distances, as columns: what is kept and drawn. */
export interface SeriesData {
  /** Epoch milliseconds at which the first sample begins. */
  readonly startedAt: number;
  readonly stepMs: number;
  /** Percent of one core, one decimal. */
  readonly cpu: readonly number[];
  /** KiB. */
  readonly rss: readonly number[];
  /** KiB in all so far. */
  readonly io: readonly number[];
}

/** Samples kept of one attempt: a curve on a screen shows no more. */
export const ATTEMPT_SAMPLES = 120;
/** Samples kept of a whole run. */
export const RUN_SAMPLES = 480;

/**
 * Samples of something that lasts nobody knows how long, in bounded memory: when there are too many, each two become one and from
 * then on twice as many looks go into each. CPU is averaged, memory keeps its highest, I/O its last.
 */
export class Series {
  readonly #most: number;
  readonly #startedAt: number;
  readonly #stepMs: number;
  /** Looks that go into one sample. */
  #stride = 1;
  #samples: Sample[] = [];
  #open: Sample[] = [];

  /** `most` is even; looks come about every `stepMs` milliseconds. */
  constructor(startedAt: number, stepMs: number, most: number = ATTEMPT_SAMPLES) {
    this.#startedAt = startedAt;
    this.#stepMs = stepMs;
    this.#most = most;
  }

  get length(): number {
    return this.#samples.length + (this.#open.length > 0 ? 1 : 0);
  }

  push(sample: Sample): void {
    this.#open.push(sample);
    if (this.#open.length < this.#stride) return;
    this.#samples.push(merged(this.#open));
    this.#open = [];
    if (this.#samples.length < this.#most) return;
    const halved: Sample[] = [];
    for (let i = 0; i < this.#samples.length; i += 2) halved.push(merged(this.#samples.slice(i, i + 2)));
    this.#samples = halved;
    this.#stride *= 2;
  }

  data(): SeriesData {
    const all = this.#open.length === 0 ? this.#samples : [...this.#samples, merged(this.#open)];
    return {
      startedAt: Math.round(this.#startedAt),
      stepMs: this.#stepMs * this.#stride,
      cpu: all.map((sample) => Math.round(sample.cpuPercent * 10) / 10),
      rss: all.map((sample) => Math.round(sample.rssBytes / 1024)),
      io: all.map((sample) => Math.round(sample.ioBytes / 1024)),
    };
  }
}

function merged(samples: readonly Sample[]): Sample {
  let cpu = 0;
  let rss = 0;
  for (const sample of samples) {
    cpu += sample.cpuPercent;
    rss = Math.max(rss, sample.rssBytes);
  }
  return { cpuPercent: cpu / samples.length, rssBytes: rss, ioBytes: samples.at(-1)?.ioBytes ?? 0 };
}
