import { dirname } from 'node:path';
import { type LoadedConfig, loadConfig, targetSettings, type TargetSettings } from '../config/index.ts';
import { targetBackends } from '../jobs/index.ts';
import { type Backend, HeddleError, nearestName, type RunRow } from '../model/index.ts';
import { originOf } from './code-origin.ts';
import type { Context } from './main.ts';
import { storeDirectory } from './find-run.ts';

/** Backends that every engine has. */
const BUILT_IN: ReadonlySet<string> = new Set(['inline', 'threads', 'processes', 'commands']);

/** The targets of a project's configuration. Only those that are wanted are made: each may mean a connection. */
export class Targets {
  readonly config: LoadedConfig;

  constructor(config: LoadedConfig) {
    this.config = config;
  }

  /** Where tasks run that name no backend, if the configuration says so. */
  get backend(): string | undefined {
    return this.config.values.backend;
  }

  /** What the configuration says of all targets. */
  settings(): readonly TargetSettings[] {
    const { values, directory } = this.config;
    return Object.entries(values.backends ?? {}).map(([name, input]) => targetSettings(name, input, directory));
  }

  /** Makes the backends of these names, but for built-in ones. @throws {HeddleError} BACKEND_UNKNOWN with the nearest name */
  async backends(names: Iterable<string>): Promise<readonly Backend[]> {
    const wanted = [...new Set(names)].filter((name) => !BUILT_IN.has(name));
    if (wanted.length === 0) return [];
    const known = this.settings();
    const chosen = wanted.map((name) => known.find((each) => each.name === name) ?? this.unknown(name));
    return await targetBackends(chosen);
  }

  /** @throws {HeddleError} BACKEND_UNKNOWN with the nearest name */
  assertKnown(name: string): void {
    if (!BUILT_IN.has(name) && this.config.values.backends?.[name] === undefined) this.unknown(name);
  }

  /** @throws {HeddleError} BACKEND_UNKNOWN with the nearest name */
  unknown(name: string): never {
    const names = [...this.settings().map((each) => each.name), ...BUILT_IN];
    const near = nearestName(name, names);
    const { file } = this.config;
    const where = file === undefined ? 'targets are named in heddle.config.ts: backends: { ... }' : `of ${file}`;
    throw new HeddleError('BACKEND_UNKNOWN', `no backend is named "${name}"`, {
      hint: near === undefined ? `backends here: ${names.join(', ')}; ${where}` : `did you mean '${near}'?`,
      details: { named: name },
    });
  }
}

/** The configuration that holds for a project. @throws {HeddleError} CONFIG_INVALID */
export async function readTargets(context: Context, project: string): Promise<Targets> {
  return new Targets(await loadConfig({ from: project, profile: context.profile }));
}

/** The targets that runs go on with: those of the projects they were started in. */
export async function targetsOfRuns(context: Context, rows: readonly RunRow[]): Promise<readonly Backend[]> {
  const wanted = new Map<string, Set<string>>();
  for (const row of rows) {
    const origin = originOf(row, storeDirectory(context));
    const { backend } = JSON.parse(row.settings || '{}') as { readonly backend?: string };
    const names = [...(origin?.backends ?? []), ...(backend === undefined ? [] : [backend])];
    const project = origin?.project ?? dirname(storeDirectory(context));
    const here = wanted.get(project) ?? new Set();
    for (const name of names) if (!BUILT_IN.has(name)) here.add(name);
    wanted.set(project, here);
  }
  const backends: Backend[] = [];
  for (const [project, names] of wanted)
    if (names.size > 0) backends.push(...(await (await readTargets(context, project)).backends(names)));
  return backends;
}
