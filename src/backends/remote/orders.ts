import type { AttemptOrder } from '../../model/index.ts';
import type { CommandWork } from '../workdir/index.ts';
import type { CommandOrder } from './native-plan.ts';
import type { RemoteSettings } from './settings.ts';
import type { Site } from './site.ts';

/** Why an order can never run on a target; undefined when it can. */
export function unfitness({ work, directory }: AttemptOrder, site: Site): string | undefined {
  if (work.kind !== 'command') return 'this backend runs commands only';
  if (directory === '') return 'commands on a target need a store on a disk';
  // Lists of attempts have a line for each.
  if (/[\n\0]|\s$/.test(site.directoryOf(directory))) return `no command can run in '${directory}'`;
  return undefined;
}

/** An order with the variables its target gives to all. */
export function fitForTarget(
  order: AttemptOrder,
  work: CommandWork,
  { environment }: Pick<RemoteSettings, 'environment'>,
): CommandOrder {
  return {
    order,
    work: environment === undefined ? work : { ...work, environment: { ...environment, ...work.environment } },
  };
}
