/** What one probe measured, by name. */
export type Figures = Readonly<Record<string, number>>;

/** One thing that is run in a process of its own, and what Node is to be told for it. */
export interface Probe {
  readonly run: () => Promise<Figures>;
  readonly nodeFlags?: readonly string[];
  /** Where its files lie. @default 'disk' */
  readonly place?: 'disk' | 'memory';
}

/** One line of the table. */
export interface Line {
  readonly what: string;
  readonly ours: string;
  /** The rival's figure or the raw limit's, and whose it is. */
  readonly rival: string;
  readonly ratio: string;
  readonly budget: string;
  readonly isMet: boolean;
  /** In one line: what ran, how often, and what was read off. */
  readonly method: string;
}

/** Medians of what the repetitions gave, by probe and figure. */
export type Medians = (probe: string, figure: string) => number;

/**
 * A part of the benchmark: its probes run one after the other, as often as `repetitions` says, interleaved, so
 * that a slow minute of the machine hits ours and the rival's alike.
 */
export interface Row {
  readonly name: string;
  readonly repetitions: number;
  readonly probes: Readonly<Record<string, Probe>>;
  readonly conclude: (median: Medians) => readonly Line[];
}

/** 123456 as `123,456`. */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** Rate as `123,456 /s`. */
export function perSecond(value: number): string {
  return `${count(value)} /s`;
}

/** Milliseconds with as many digits as say something. */
export function ms(value: number): string {
  return value < 10
    ? `${value.toFixed(2)} ms`
    : value < 1000
      ? `${value.toFixed(0)} ms`
      : `${(value / 1000).toFixed(2)} s`;
}

/** `2.34 x` */
export function times(value: number): string {
  return `${value < 10 ? value.toFixed(2) : value.toFixed(1)} x`;
}

export const MIB: number = 1024 * 1024;

export function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(0)} MiB`;
}
