import type { Place } from '../model/index.ts';

/** What kind of place a site is. Ranges are virtual milliseconds. */
export interface SiteProfile {
  readonly name: string;
  readonly places: readonly Place[];
  /** Attempts outlive the engine. */
  readonly recoverable: boolean;
  /** Attempts travel in arrays, and are answered for after a while. */
  readonly batches: boolean;
  readonly local: boolean;
  readonly launchMs: readonly [low: number, high: number];
  readonly reportMs: readonly [low: number, high: number];
  /** Between two signs of life of a running body; 0: none are sent. */
  readonly heartbeatMs: number;
  /** A backend of lanes: takes attempts ahead, and back. Another that offers to take them ahead must not be sent any. */
  readonly lanes?: boolean;
}

/** Probabilities of what goes wrong, per launch or per report. */
export interface SiteFaults {
  readonly refuse: number;
  readonly refuseForGood: number;
  readonly unknown: number;
  readonly duplicate: number;
  readonly late: number;
  readonly lose: number;
  readonly preempt: number;
  readonly purge: number;
}

export const NO_SITE_FAULTS: SiteFaults = {
  refuse: 0,
  refuseForGood: 0,
  unknown: 0,
  duplicate: 0,
  late: 0,
  lose: 0,
  preempt: 0,
  purge: 0,
};
