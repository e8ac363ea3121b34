import { existsSync, readFileSync } from 'node:fs';
import { dirname, extname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { asError, HeddleError, nearestName } from '../model/index.ts';
import type { ConfigInput, ProfileInput, TargetInput } from './config.ts';

/** Files that are a project's configuration, in the order in which they are looked for. */
export const CONFIG_FILES: readonly string[] = ['ts', 'mts', 'js', 'mjs', 'yaml', 'yml'].map(
  (extension) => `heddle.config.${extension}`,
);

/** A configuration with all its layers laid over each other. */
export interface LoadedConfig {
  /** Absolute; undefined where there is no file. */
  readonly file: string | undefined;
  /** Where relative paths in it start. */
  readonly directory: string;
  readonly profile: string | undefined;
  readonly values: ProfileInput;
  /** Which layer each value is from, by its path: `backends.cluster.queue` -> `heddle.config.ts, profile night`. */
  readonly origins: ReadonlyMap<string, string>;
}

export interface LoadConfigOptions {
  /** Where the search begins; it goes on in the folders above. */
  readonly from: string;
  /** Laid over the rest. @default `HEDDLE_PROFILE`, else what the configuration names */
  readonly profile?: string | undefined;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** The configuration file that holds in a folder; undefined where there is none. @throws {HeddleError} CONFIG_INVALID for two in one folder */
export function findConfig(from: string): string | undefined {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    const found = CONFIG_FILES.filter((name) => existsSync(join(folder, name)));
    const [first, second] = found;
    if (second !== undefined)
      throw new HeddleError('CONFIG_INVALID', `${folder} has ${found.join(' and ')}`, { hint: 'keep one of them' });
    if (first !== undefined) return join(folder, first);
    if (folder === dirname(folder)) return undefined;
  }
}

/**
 * Reads the configuration that holds in a folder: the file, and over it a profile, field by field.
 *
 * @throws {HeddleError} CONFIG_INVALID with path, place and mend; PROFILE_UNKNOWN
 */
export async function loadConfig({ from, profile, env = process.env }: LoadConfigOptions): Promise<LoadedConfig> {
  const file = findConfig(from);
  const asked = profile ?? (env['HEDDLE_PROFILE'] || undefined);
  if (file === undefined) {
    if (asked !== undefined) throw unknownProfile(asked, [], 'there is no heddle.config.ts here or above');
    return { file, directory: resolve(from), profile: undefined, values: {}, origins: new Map() };
  }
  const config = await readConfig(file);
  const { profiles = {}, profile: own, ...base } = config;
  const chosen = asked ?? own;
  const over = chosen === undefined ? undefined : profiles[chosen];
  if (chosen !== undefined && over === undefined) throw unknownProfile(chosen, Object.keys(profiles), file);
  const origins = new Map<string, string>();
  noteOrigins(base, file, origins);
  if (over !== undefined) noteOrigins(over, `${file}, profile ${chosen as string}`, origins);
  return {
    file,
    directory: dirname(file),
    profile: chosen,
    values: over === undefined ? base : laid(base, over),
    origins,
  };
}

function unknownProfile(name: string, known: readonly string[], where: string): HeddleError {
  const near = nearestName(name, known);
  return new HeddleError('CONFIG_INVALID', `there is no profile '${name}' (${where})`, {
    hint:
      near !== undefined
        ? `did you mean '${near}'?`
        : known.length > 0
          ? `there is ${known.join(', ')}`
          : "add it: profiles: { NAME: { backend: '...' } }",
  });
}

async function readConfig(file: string): Promise<ConfigInput> {
  const { checkConfig } = await import('./check.ts');
  if (['.yaml', '.yml'].includes(extname(file))) {
    const { readYaml } = await import('./yaml.ts');
    const { data, place } = readYaml(readFileSync(file, 'utf8'), file);
    return checkConfig(data, file, place);
  }
  let module: { readonly default?: unknown };
  try {
    module = (await import(pathToFileURL(file).href)) as typeof module;
  } catch (error) {
    throw new HeddleError('CONFIG_INVALID', `${file} can't be loaded: ${asError(error).message}`, { cause: error });
  }
  if (module.default === undefined)
    throw new HeddleError('CONFIG_INVALID', `${file} exports no configuration`, {
      hint: 'export default defineConfig({ ... })',
    });
  return checkConfig(module.default, file, () => '');
}

/** One layer over another: maps field by field, everything else as a whole. */
function laid(base: ProfileInput, over: ProfileInput): ProfileInput {
  const backends: Record<string, TargetInput> = { ...base.backends };
  for (const [name, target] of Object.entries(over.backends ?? {})) backends[name] = { ...backends[name], ...target };
  return { ...base, ...over, ...(Object.keys(backends).length === 0 ? {} : { backends }) };
}

function noteOrigins(values: object, origin: string, into: Map<string, string>, path = ''): void {
  for (const [key, value] of Object.entries(values)) {
    const here = path === '' ? key : `${path}.${key}`;
    into.set(here, origin);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      noteOrigins(value as object, origin, into, here);
  }
}

/** Checks a target that a program describes. @throws {HeddleError} CONFIG_INVALID with every mistake, its path and its mend */
export async function checkTarget(name: string, input: TargetInput): Promise<void> {
  const { checkConfig } = await import('./check.ts');
  checkConfig({ backends: { [name]: input } }, 'a backend', () => '');
}
