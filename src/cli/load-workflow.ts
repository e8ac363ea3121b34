import { createReadStream, existsSync, readdirSync, statSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { portableGraph } from '../calls/index.ts';
import { CONFIG_FILES } from '../config/index.ts';
import {
  asError,
  containerSpec,
  type Graph,
  HeddleError,
  type Json,
  nearestName,
  withContainer,
} from '../model/index.ts';
import {
  type Experiment,
  graphFromJson,
  graphFromLines,
  isExperiment,
  isWorkflow,
  loadYaml,
  parseParameters,
  pointsOf,
  pointText,
  type Workflow,
} from '../workflow/index.ts';
import type { Origin } from './code-origin.ts';
import type { Context } from './main.ts';
import { printable } from './output.ts';
import { watchParameters } from './watched-parameters.ts';

/** What a FILE holds, ready to be started. */
export interface Loaded {
  readonly graph: Graph;
  readonly parameters: Readonly<Record<string, Json>>;
  readonly origin: Origin;
  /** Where the file says one; the graph is that of its first point then. */
  readonly experiment?: Experiment;
}

/** The flags that say how a file is read. */
export interface LoadFlags {
  readonly param?: readonly string[];
  readonly timeScale?: number;
  readonly dataScale?: number;
  /** An image for commands that do not say what they run in. */
  readonly container?: string;
}

const MODULES = new Set(['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs']);

/**
 * Reads a workflow: a module whose default export is one, YAML, a graph as data, or a recorded WfFormat trace.
 *
 * @throws {HeddleError} FILE_NOT_FOUND, INPUT_INVALID, PARAMETER_INVALID, TRACE_INVALID, GRAPH_*, TEMPLATE_INVALID
 */
export async function loadWorkflow(file: string, flags: LoadFlags): Promise<Loaded> {
  const loaded = await loadFile(file, flags);
  if (flags.container === undefined) return loaded;
  const container = containerSpec(flags.container, '--container');
  if (loaded.experiment !== undefined) {
    throw new HeddleError('INPUT_INVALID', '--container is for workflows, and this is an experiment', {
      hint: 'say container in its tasks, or of the target in heddle.config.ts: then its points stay what they are',
    });
  }
  return { ...loaded, graph: withContainer(loaded.graph, container) };
}

async function loadFile(file: string, flags: LoadFlags): Promise<Loaded> {
  const path = resolve(file);
  assertFile(file, path);
  const parameters = parseParameters(flags.param ?? []);
  const extension = extname(path).toLowerCase();
  if (MODULES.has(extension)) return loadModule(path, parameters);
  if (extension === '.json') return loadJson(path, parameters, flags);
  if (extension === '.ndjson')
    return { ...dataOrigin(path, 'graph'), graph: await graphFromLines(linesOf(path)), parameters };
  if (extension === '.yaml' || extension === '.yml') return loadYamlFile(path, parameters);
  throw new HeddleError('INPUT_INVALID', `'${file}' is no kind of file that holds a workflow`, {
    hint: 'give a TypeScript or JavaScript module (.ts, .js), YAML (.yaml) or a WfFormat trace (.json)',
  });
}

function assertFile(file: string, path: string): void {
  if (!existsSync(path)) {
    const folder = dirname(path);
    const there = existsSync(folder) ? readdirSync(folder) : [];
    const near = nearestName(basename(path), there);
    throw new HeddleError('FILE_NOT_FOUND', `there is no file '${file}'`, {
      hint: near === undefined ? `looked for at ${path}` : `did you mean '${join(dirname(file), near)}'?`,
    });
  }
  if (statSync(path).isDirectory()) {
    throw new HeddleError('INPUT_INVALID', `'${file}' is a folder`, {
      hint: 'name the file in it that holds the workflow',
    });
  }
}

/** A graph as `heddle graph --format json` writes it, or a WfFormat trace: the graph says so in its first bytes. */
async function loadJson(path: string, parameters: Readonly<Record<string, Json>>, flags: LoadFlags): Promise<Loaded> {
  if (await beginsLikeGraph(path)) {
    const document: unknown = JSON.parse(await readFile(path, 'utf8'));
    return { ...dataOrigin(path, 'graph'), graph: graphFromJson(document), parameters };
  }
  const { timeScale, dataScale } = flags;
  // Loaded when it is needed: a workflow in TypeScript starts without it.
  const { importWfFormat } = await import('../importers/index.ts');
  const { graph } = await importWfFormat(path, {
    ...(timeScale === undefined ? {} : { timeScale }),
    ...(dataScale === undefined ? {} : { dataScale }),
  });
  return { ...dataOrigin(path, 'wfformat'), graph, parameters };
}

async function beginsLikeGraph(path: string): Promise<boolean> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(256) });
  return /^\s*\{\s*"heddle"\s*:\s*"graph"/.test(buffer.toString('utf8', 0, bytesRead));
}

function linesOf(path: string): AsyncIterable<string> {
  return createInterface({ input: createReadStream(path) });
}

/** What is data brings no scripts along: its paths start where one is. */
function dataOrigin(file: string, kind: 'wfformat' | 'graph'): { readonly origin: Origin } {
  return { origin: { kind, file, project: process.cwd() } };
}

async function loadModule(path: string, parameters: Readonly<Record<string, Json>>): Promise<Loaded> {
  const exported = (await importModule(path)).default;
  const origin: Origin = { kind: 'module', file: path, project: projectOf(path) };
  if (isGraph(exported)) return { graph: portableGraph(exported, origin.project), parameters, origin };
  if (isExperiment(exported)) return loadExperiment(exported, { path, parameters, origin });
  if (!isWorkflow(exported)) {
    throw new HeddleError('INPUT_INVALID', `'${basename(path)}' does not export a workflow by default`, {
      hint: "end it with: export default workflow('name', (p) => ...), or experiment('name', workflow, space)",
    });
  }
  return loadBuilt(exported, { path, parameters, origin });
}

async function loadYamlFile(path: string, parameters: Readonly<Record<string, Json>>): Promise<Loaded> {
  const { workflow, experiment } = await loadYaml(path);
  const parts: ModuleParts = { path, parameters, origin: { kind: 'yaml', file: path, project: projectOf(path) } };
  return experiment === undefined ? loadBuilt(workflow, parts) : loadExperiment(experiment, parts);
}

interface ModuleParts {
  readonly path: string;
  readonly parameters: Readonly<Record<string, Json>>;
  /** Given too, and left unread without a word. */
  readonly unwatched?: Readonly<Record<string, Json>>;
  readonly origin: Origin;
}

/** Says of an experiment's file that one point stands for all. */
export function sayFirstPoint(context: Context, { experiment, parameters }: Loaded): void {
  if (experiment === undefined) return;
  const points = pointsOf(experiment, parameters);
  const [first = {}] = points;
  context.output.say(
    `${printable(experiment.name)} is an experiment of ${points.size} points; this is of the first, ${printable(pointText(first))}`,
  );
}

/** Builds the first point, so that what is wrong with the workflow is told before anything starts. */
function loadExperiment(experiment: Experiment, { path, parameters, origin }: ModuleParts): Loaded {
  const points = pointsOf(experiment, parameters);
  points.assertNotEmpty();
  const [first = {}] = points;
  const { replica = 1, ...own } = first;
  const hasReplicas = experiment.replicas > 0;
  const parts = { path, origin, parameters: hasReplicas ? own : first, unwatched: hasReplicas ? { replica } : {} };
  return { ...loadBuilt(experiment.workflow as Workflow<never>, parts), parameters, experiment };
}

function loadBuilt(
  exported: Pick<Workflow<never>, 'name' | 'build'>,
  { path, parameters, origin, unwatched = {} }: ModuleParts,
): Loaded {
  const watched = watchParameters(parameters, unwatched);
  try {
    const graph = portableGraph(exported.build(watched.parameters as never), origin.project);
    watched.refuseUnread();
    return { graph, parameters, origin };
  } catch (thrown) {
    if (HeddleError.is(thrown)) throw withPlace(thrown, path);
    const error = asError(thrown);
    throw new HeddleError(
      'PARAMETER_INVALID',
      `workflow '${exported.name}' can't be built: ${error.message}${placeOf(error, path)}`,
      {
        cause: thrown,
        hint: parametersHint(Object.keys(parameters), watched.missing()),
      },
    );
  }
}

/** What a workflow that threw was given, and what it looked for. */
function parametersHint(given: readonly string[], missing: readonly string[]): string {
  const told =
    given.length === 0
      ? 'no parameters were given: -p key=value gives one'
      : `given were the parameters ${given.join(', ')}`;
  if (missing.length === 0) return given.length === 0 ? told : `${told}; a list is written as JSON: -p 'list=[1,2]'`;
  return `it reads ${missing.map((name) => `'${name}'`).join(', ')}, which ${missing.length === 1 ? 'was' : 'were'} not given\n${told}`;
}

async function importModule(path: string): Promise<{ readonly default?: unknown }> {
  try {
    return (await import(pathToFileURL(path).href)) as { readonly default?: unknown };
  } catch (thrown) {
    if (HeddleError.is(thrown)) throw withPlace(thrown, path);
    const error = asError(thrown);
    throw new HeddleError(
      'INPUT_INVALID',
      `'${basename(path)}' can't be loaded: ${error.message}${placeOf(error, path)}`,
      {
        cause: thrown,
        hint: mendOf(error),
      },
    );
  }
}

function mendOf(error: Error): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ERR_MODULE_NOT_FOUND') return 'install the package beside the file, or mend the path of the import';
  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') {
    return 'Node strips types and nothing else: no enum, no namespace, no parameter properties, no decorators';
  }
  if (error instanceof SyntaxError) return 'Node says where: --debug shows it whole';
  return 'a module must be importable without doing work: --debug shows where it failed';
}

/** The same error, with the line of the user's file that it came from. */
function withPlace(error: HeddleError, path: string): HeddleError {
  const { code, message, hint, details } = error;
  return new HeddleError(code, message + placeOf(error, path), {
    cause: error,
    details,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** ` (flow.ts:12)`: the first place in the user's own file. */
function placeOf(error: Error, path: string): string {
  const line = (error.stack ?? '').split('\n').find((each) => each.includes(path));
  const at = line === undefined ? null : /:(\d+)(?::\d+)?\)?$/.exec(line.trim());
  return at === null ? '' : ` (${basename(path)}:${at[1] as string})`;
}

function isGraph(value: unknown): value is Graph {
  return typeof value === 'object' && value !== null && 'edgeOffsets' in value && 'names' in value;
}

/**
 * The project a file belongs to: the nearest folder above it with a `package.json` or a `heddle.config.*`, else the
 * file's own. So a workflow finds its scripts from wherever it is started.
 */
export function projectOf(path: string): string {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (['package.json', ...CONFIG_FILES].some((name) => existsSync(join(folder, name)))) return folder;
    if (folder === dirname(folder)) return dirname(path);
  }
}
