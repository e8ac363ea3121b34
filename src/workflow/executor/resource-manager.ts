import { inspect } from 'node:util';
import type { EngineOpenOptions, EngineResources } from '../../jobs/index.ts';
import { checkFields, HeddleError, type Observer } from '../../model/index.ts';
import type { ExecutorResources, ResourceConstraints } from './executor-options.ts';

/** MolExp's unit: 1,000,000,000 bytes. */
const GB = 1e9;
/** What oversubscription means where nobody says how much: as if there were twice the cpus and twice the memory. */
const OVERSUBSCRIBED = 2;

export interface ResourceManagerOptions {
  /** @default what each backend finds on its machine */
  readonly totalCpuCores?: number;
  /** In units of 1,000,000,000 bytes. @default what each backend finds on its machine */
  readonly totalMemoryGb?: number;
  /** How many devices there are, or which. @default those the driver names */
  readonly totalGpus?: number | readonly number[];
  /** Licences and the like, by name. */
  readonly tokens?: Readonly<Record<string, number>>;
  /**
   * Who is given what is free: `fair`, the run that holds least of what it needs most; `priority`, larger priorities and longer
   * paths; `demand`, who asks for most of what is scarce. @default 'fair'
   */
  readonly allocationStrategy?: 'fair' | 'priority' | 'demand';
  /** Grants twice the cpus and the memory there are; with a number, so many times. Devices and tokens never. @default false */
  readonly enableOversubscription?: boolean | number;
  /** Who measures what attempts use: `new ExecutionMonitor()`. @default false: nobody */
  readonly resourceMonitoring?: Observer | false;
  /** What a task may ask for at most; more is refused when it is submitted. */
  readonly resourceConstraints?: ResourceConstraints;
}

const FIELDS = [
  'totalCpuCores',
  'totalMemoryGb',
  'totalGpus',
  'tokens',
  'allocationStrategy',
  'enableOversubscription',
  'resourceMonitoring',
  'resourceConstraints',
];

/**
 * Says what an engine may hand out, in the words of MolExp: never more than the totals, unless oversubscription was chosen.
 *
 * @example
 * const resourceManager = new ResourceManager({ totalCpuCores: 16, totalMemoryGb: 64, allocationStrategy: 'fair' });
 * await using engine = await Engine.open(resourceManager.engineOptions());
 */
export class ResourceManager implements ExecutorResources {
  readonly options: ResourceManagerOptions;

  /** @throws {HeddleError} INPUT_INVALID naming the option and the mend */
  constructor(options: ResourceManagerOptions = {}) {
    checkFields(options, FIELDS, 'ResourceManager');
    const { allocationStrategy = 'fair', enableOversubscription: over = false } = options;
    if (!['fair', 'priority', 'demand'].includes(allocationStrategy))
      throw unfit('allocationStrategy', allocationStrategy, "choose 'fair', 'priority' or 'demand'");
    if (typeof over === 'number' ? !(over >= 1 && Number.isFinite(over)) : typeof over !== 'boolean')
      throw unfit('enableOversubscription', over, 'give true, false, or how many times, 1 or more');
    const { resourceMonitoring: monitor = false } = options;
    if (monitor !== false && typeof (monitor as Partial<Observer>).observe !== 'function')
      throw unfit('resourceMonitoring', monitor, 'give who is to measure: new ExecutionMonitor()');
    const amounts = { totalCpuCores: options.totalCpuCores, totalMemoryGb: options.totalMemoryGb };
    for (const [name, value] of Object.entries(amounts))
      if (value !== undefined && !(Number.isFinite(value) && value > 0))
        throw unfit(name, value, 'give a number above 0');
    this.options = options;
  }

  /** How an engine is to be opened, so that it keeps to this. */
  engineOptions(): EngineOpenOptions {
    const { allocationStrategy = 'fair', resourceMonitoring = false } = this.options;
    return {
      strategy: allocationStrategy,
      resources: this.#resources(),
      ...(resourceMonitoring === false ? {} : { observers: [resourceMonitoring] }),
    };
  }

  #resources(): EngineResources {
    const { totalCpuCores, totalMemoryGb, totalGpus, tokens, enableOversubscription: over = false } = this.options;
    const { maxCpuPerTask, maxMemoryPerTaskGb } = this.options.resourceConstraints ?? {};
    const oversubscribe = typeof over === 'number' ? over : over ? OVERSUBSCRIBED : 1;
    const perTask = {
      ...(maxCpuPerTask === undefined ? {} : { cpus: maxCpuPerTask }),
      ...(maxMemoryPerTaskGb === undefined ? {} : { memory: maxMemoryPerTaskGb * GB }),
    };
    return {
      ...(totalCpuCores === undefined ? {} : { cpus: totalCpuCores }),
      ...(totalMemoryGb === undefined ? {} : { memory: totalMemoryGb * GB }),
      ...(totalGpus === undefined ? {} : { gpus: totalGpus }),
      ...(tokens === undefined ? {} : { tokens }),
      ...(Object.keys(perTask).length === 0 ? {} : { perTask }),
      ...(oversubscribe === 1 ? {} : { oversubscribe }),
    };
  }
}

function unfit(option: string, value: unknown, hint: string): HeddleError {
  return new HeddleError('INPUT_INVALID', `ResourceManager: ${option} can't be ${inspect(value, { depth: 0 })}`, {
    hint,
  });
}
