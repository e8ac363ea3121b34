import type { EngineResources } from '../jobs/index.ts';
import { HeddleError } from '../model/index.ts';
import { splitPair } from './flags.ts';

/** What of this machine, and of licences, may be taken. */
export interface ResourceFlags {
  readonly cpus?: number;
  readonly memory?: string;
  readonly gpus?: number;
  readonly tokens?: readonly string[];
  readonly strategy?: 'priority' | 'fair' | 'demand';
}

/** The flags as options of an engine. @throws {HeddleError} INPUT_INVALID */
export function resourcesOf(flags: ResourceFlags): {
  readonly resources?: EngineResources;
  readonly strategy?: NonNullable<ResourceFlags['strategy']>;
} {
  const { cpus, memory, gpus, tokens, strategy } = flags;
  const resources: EngineResources = {
    ...(cpus === undefined ? {} : { cpus }),
    ...(memory === undefined ? {} : { memory }),
    ...(gpus === undefined ? {} : { gpus }),
    ...(tokens === undefined ? {} : { tokens: Object.fromEntries(tokens.map(tokenOf)) }),
  };
  return {
    ...(Object.keys(resources).length === 0 ? {} : { resources }),
    ...(strategy === undefined ? {} : { strategy }),
  };
}

function tokenOf(pair: string): readonly [string, number] {
  const [name, text] = splitPair(pair, '--tokens');
  const count = Number(text);
  if (text.trim() !== '' && Number.isInteger(count) && count >= 0) return [name, count];
  throw new HeddleError('INPUT_INVALID', `--tokens ${name}: can't read '${text}'`, { hint: 'write a whole number' });
}
