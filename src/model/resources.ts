/** What an attempt needs while it runs. `cpus` may be a fraction; bytes are bytes; tokens are named counts. */
export interface ResourceRequest {
  /** @default 1 */
  readonly cpus: number;
  readonly memoryBytes?: number;
  readonly gpus?: number;
  readonly diskBytes?: number;
  /** Expected or allowed run time, in milliseconds; what a place that ends is asked to have left. */
  readonly timeMs?: number;
  /** Licences and the like: engine-wide, not of one place. */
  readonly tokens?: Readonly<Record<string, number>>;
}

export const DEFAULT_REQUEST: ResourceRequest = { cpus: 1 };

/**
 * Where capacity is. What a place does not name it does not count: a request for memory
 * on a place that says nothing of memory is granted.
 */
export interface Place {
  readonly name: string;
  readonly cpus: number;
  readonly memoryBytes?: number;
  readonly diskBytes?: number;
  /** GPU indices that may be handed out. */
  readonly gpus?: readonly number[];
  /** Epoch milliseconds at which the place goes away (an allocation's end). */
  readonly endsAt?: number;
  /**
   * So many more attempts are taken than fit, to be at hand when one ends (lanes that make short calls). They hold
   * nothing and count as not started until room is made for them by an end. Values may come late: an attempt that was
   * granted room may be handed over after one that was sent ahead later, and then goes before it. @default 0
   */
  readonly ahead?: number;
  /** What the place can reach, for backends that move data. */
  readonly attributes?: Readonly<Record<string, string>>;
}

/** What of a place an attempt holds. Journalled with the attempt. */
export interface Grant {
  readonly place: string;
  /** Sent ahead: it holds this only from when there is room. */
  readonly ahead?: true;
  readonly cpus: number;
  readonly memoryBytes?: number;
  readonly diskBytes?: number;
  /** GPU indices. */
  readonly gpus?: readonly number[];
  readonly tokens?: Readonly<Record<string, number>>;
}
