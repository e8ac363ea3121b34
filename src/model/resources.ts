/** What an attempt needs while it runs. `cpus` may be a fraction; bytes are bytes; tokens are named counts. */
export interface ResourceRequest {
  /** @default 1 */
  readonly cpus: number;
  readonly memoryBytes?: number;
  /** Whole devices, or a part of one below 1: those who ask for parts share a device, up to the whole of it. */
  readonly gpus?: number;
  readonly diskBytes?: number;
  /** Expected or allowed run time, in milliseconds; what a place that ends is asked to have left. */
  readonly timeMs?: number;
  /** Licences and the like: engine-wide, not of one place. */
  readonly tokens?: Readonly<Record<string, number>>;
  /** Machines it spans, where a backend has several. @default 1 */
  readonly nodes?: number;
  /** Processes that are launched together (MPI), over all its nodes; `cpus` and `gpus` are then those of each. @default 1 */
  readonly ranks?: number;
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
  /** Whose devices these are, where several places hand out the same ones: none is given away twice. */
  readonly devicesOf?: string;
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
  /** The part it has of that one device; absent: all of each. */
  readonly gpuShare?: number;
  /** How long it may run, in milliseconds, where that has been raised since an attempt before it ran out of time. */
  readonly timeMs?: number;
  readonly tokens?: Readonly<Record<string, number>>;
}

/** Who makes the devices of a machine: what a program reads which of them are its own from. */
export type GpuVendor = 'nvidia' | 'amd';

/**
 * Variables by which programs see the devices they were granted, and only those. ROCm reads its variable below HIP and CUDA's,
 * which would then count anew, so never both are set; CUDA is told to count as the driver does. Where the vendor is not known
 * the two that mean the same to all are set. `HEDDLE_GPUS` has them in any case.
 */
export function gpuEnvironment(
  gpus: readonly number[],
  vendor: GpuVendor | undefined,
): Readonly<Record<string, string>> {
  const list = gpus.join(',');
  if (vendor === 'amd') return { HEDDLE_GPUS: list, ROCR_VISIBLE_DEVICES: list };
  const cuda = { HEDDLE_GPUS: list, CUDA_VISIBLE_DEVICES: list, CUDA_DEVICE_ORDER: 'PCI_BUS_ID' };
  return vendor === 'nvidia' ? cuda : { ...cuda, HIP_VISIBLE_DEVICES: list };
}

/** The most a task may ask for, and what there is of everything over all backends; what is absent is not limited. */
export interface ResourceAmounts {
  readonly cpus?: number;
  readonly memoryBytes?: number;
  readonly gpus?: number;
}
