import {
  type AttemptRow,
  type CommandOutput,
  describeOutcome,
  type Json,
  type Outcome,
  textAt,
  topologicalOrder,
} from '../../model/index.ts';
import { type JobRecord, jobRecords, joinUsage, outcomeIn, type RunSource } from '../record.ts';
import type { Redact } from '../redact.ts';
import {
  CONTEXT,
  type Entity,
  EntitySet,
  idPart,
  PROFILES,
  PROVENANCE,
  propertyOf,
  ref,
  refs,
} from './crate-entities.ts';
import { type CrateContent, type CrateFile, CrateFiles, crateId } from './crate-files.ts';
import { payloadOf, resultOutputs, splitOutput } from './crate-results.ts';
import { rootEntities } from './crate-root.ts';
import { usageEntities } from './crate-usage.ts';
import { formatOf } from './media-type.ts';
import { outputsOf, refsIn } from './payload-refs.ts';

export interface CrateOptions {
  /** The store's directory. */
  readonly directory: string;
  readonly engineVersion: string;
  /** When it is exported, epoch milliseconds. */
  readonly now: number;
  /** The file that says what the workflow is: what was run, or its graph. */
  readonly workflow: {
    readonly path: string;
    readonly from?: string;
    readonly language: 'TypeScript' | 'JavaScript' | 'YAML' | 'JSON';
  };
  readonly content: CrateContent;
  /** An SPDX id or an address. */
  readonly license?: string;
  /** Who ran it: an address (an ORCID, say) or a name. */
  readonly agent?: string;
  readonly redact: Redact;
}

/** A crate: its metadata, and the files that belong into it. */
export interface Crate {
  readonly context: readonly string[];
  readonly entities: Iterable<Entity>;
  readonly files: readonly CrateFile[];
}

/** Where a crate has the graph that was run, as `heddle graph --format json` writes it. */
export const GRAPH_FILE = 'graph.json';
const VALUES_AT_ONCE = 500;

/**
 * Describes a run as a Provenance Run Crate 0.5 (Workflow Run RO-Crate, Leo et al. 2024): the workflow with a step a job, a
 * `CreateAction` an attempt, a `ControlAction` a job that ran, an `OrganizeAction` for the engine.
 */
export async function runCrate(source: RunSource, options: CrateOptions): Promise<Crate> {
  const builder = new CrateBuilder(source, options);
  await builder.addJobs();
  builder.addRun();
  return builder.crate();
}

class CrateBuilder {
  readonly #source: RunSource;
  readonly #options: CrateOptions;
  readonly #entities = new EntitySet();
  readonly #files: CrateFiles;
  readonly #workflowId: string;
  readonly #controls: string[] = [];
  readonly #actions: string[] = [];
  readonly #outputs = new Map<number, Readonly<Record<string, CommandOutput>>>();
  readonly #published: Set<string>;
  readonly #inputs = new Set<string>();
  readonly #failures: string[] = [];
  readonly #ranTools = new Set<string>();

  constructor(source: RunSource, options: CrateOptions) {
    this.#source = source;
    this.#options = options;
    this.#files = new CrateFiles(this.#entities, options.directory);
    this.#workflowId = crateId(options.workflow.path);
    this.#published = resultOutputs(source.graph);
  }

  async addJobs(): Promise<void> {
    await this.#readOutputs();
    for await (const job of jobRecords(this.#source)) {
      this.#addTool(job);
      if (job.fence === 0) continue;
      this.#ranTools.add(this.#toolId(job.index));
      const earlier = job.fence > 1 ? await this.#source.store.attempts(this.#source.row.id, job.index) : [];
      this.#addExecution(job, earlier);
    }
  }

  /** Values of a million jobs are not held: only what is said of their files. */
  async #readOutputs(): Promise<void> {
    const { store, row, graph } = this.#source;
    for (let from = 0; from < graph.size; from += VALUES_AT_ONCE) {
      const jobs = Array.from({ length: Math.min(VALUES_AT_ONCE, graph.size - from) }, (_, i) => from + i);
      const values = await store.values(row.id, jobs);
      for (const [i, value] of values.entries()) {
        const outputs = outputsOf(value);
        if (Object.keys(outputs).length > 0) this.#outputs.set(from + i, outputs);
      }
    }
  }

  #addTool(job: JobRecord): void {
    const { definition, index } = job;
    const tool = this.#toolId(index);
    const outputs = payloadOf(this.#source.graph, index)?.outputs ?? [];
    if (!this.#entities.has(tool)) {
      this.#entities.add({
        '@id': tool,
        '@type': 'SoftwareApplication',
        name: definition?.name ?? '',
        description: `${definition?.kind ?? 'call'} of the workflow ${this.#source.graph.name}`,
        ...(outputs.length === 0 ? {} : { output: refs(outputs.map(({ name }) => `${tool}/output/${idPart(name)}`)) }),
      });
    }
    for (const { name, type } of outputs) {
      this.#entities.add({
        '@id': `${tool}/output/${idPart(name)}`,
        '@type': 'FormalParameter',
        additionalType: 'File',
        name,
        ...(type === 'file' ? {} : { encodingFormat: type === 'json' ? 'application/json' : 'text/plain' }),
      });
    }
  }

  #toolId(index: number): string {
    return `#tool-${this.#source.graph.definitionOf[index] as number}`;
  }

  #addExecution(job: JobRecord, earlier: readonly AttemptRow[]): void {
    const { index, name, fence } = job;
    const objects = this.#objectsOf(index);
    const results = this.#resultsOf(index);
    const action = (of: number, more: Partial<Entity>): string => {
      const id = `#attempt-${index}-${of}`;
      this.#actions.push(id);
      return this.#entities.add({
        '@id': id,
        '@type': 'CreateAction',
        name: `attempt ${of} of ${this.#options.redact(name)}`,
        instrument: ref(this.#toolId(index)),
        ...(objects.length === 0 ? {} : { object: refs(objects) }),
        ...this.#agent(),
        ...more,
      } as Entity);
    };
    const attempts = earlier.map((row) =>
      action(row.fence, { ...this.#timesOf(row, outcomeIn(row), false), ...ranOn(row.backend) }),
    );
    const isDone = job.status === 'done';
    attempts.push(
      action(fence, {
        ...this.#timesOf(job, job.outcome, isDone),
        ...ranOn(job.backend),
        ...(isDone && results.length > 0 ? { result: refs(results) } : {}),
        ...this.#usageOf(index, fence, job.outcome),
      }),
    );
    if (job.status === 'failed' && this.#failures.length < 3) this.#failures.push(this.#options.redact(name));
    const control = this.#entities.add({
      '@id': `#control-${index}`,
      '@type': 'ControlAction',
      name: `orchestrate ${this.#options.redact(name)}`,
      instrument: ref(stepId(index)),
      object: refs(attempts),
      ...this.#statusOf(isDone, job.outcome),
    });
    this.#controls.push(control);
  }

  #timesOf(
    of: { readonly startedAt: number; readonly endedAt: number },
    outcome: Outcome | undefined,
    isDone: boolean,
  ): Partial<Entity> {
    return {
      ...(of.startedAt === 0 ? {} : { startTime: isoTime(of.startedAt) }),
      ...(of.endedAt === 0 ? {} : { endTime: isoTime(of.endedAt) }),
      ...this.#statusOf(isDone, outcome),
    };
  }

  #statusOf(isDone: boolean, outcome: Outcome | undefined): Partial<Entity> {
    if (isDone) return { actionStatus: 'http://schema.org/CompletedActionStatus' };
    if (outcome === undefined) return { actionStatus: 'http://schema.org/ActiveActionStatus' };
    return {
      actionStatus: 'http://schema.org/FailedActionStatus',
      error: this.#options.redact(describeOutcome(outcome)),
    };
  }

  #usageOf(index: number, fence: number, outcome: Outcome | undefined): Partial<Entity> {
    const usage = joinUsage(outcome?.usage, this.#source.measures.attempts.get(`${index}/${fence}`));
    const entities = usageEntities(`#attempt-${index}-${fence}`, usage);
    return entities.length === 0 ? {} : { resourceUsage: refs(entities.map((entity) => this.#entities.add(entity))) };
  }

  #objectsOf(index: number): readonly string[] {
    const { graph } = this.#source;
    const { nodes, files } = refsIn(textAt(graph.payloads, index));
    const ids = nodes.flatMap(([node, output]) => this.#filesOf(node, output));
    for (const path of files) {
      const id = this.#files.input(path);
      this.#inputs.add(id);
      ids.push(id);
    }
    return ids;
  }

  #resultsOf(index: number): readonly string[] {
    return this.#filesOf(index, undefined);
  }

  /** A ref may name an output, or all of them. */
  #filesOf(node: number, wanted: string | undefined): readonly string[] {
    const outputs = this.#outputs.get(node) ?? {};
    const named = wanted !== undefined && wanted in outputs ? [wanted] : Object.keys(outputs);
    return named.map((name) => this.#fileOf(node, name));
  }

  #fileOf(node: number, name: string): string {
    const { content } = this.#options;
    const isWanted = content === 'all' || (content === 'results' && this.#published.has(`${node}/${name}`));
    const outputs = this.#outputs.get(node) ?? {};
    const formal = `${this.#toolId(node)}/output/${idPart(name)}`;
    const exampleOf = this.#entities.has(formal) ? formal : undefined;
    return this.#files.output(outputs[name] as CommandOutput, { isWanted, exampleOf });
  }

  addRun(): void {
    const { row, graph } = this.#source;
    const { redact, engineVersion } = this.#options;
    const settings = JSON.parse(row.settings || '{}') as { readonly parameters?: Readonly<Record<string, Json>> };
    const parameters = Object.entries(settings.parameters ?? {}).map(([name, value]) =>
      this.#addParameter(name, value),
    );
    this.#addWorkflow(parameters.map(({ formal }) => formal));
    const isDone = row.status === 'done';
    const failed = this.#failures.length === 0 ? row.status : `failed: ${this.#failures.join(', ')}`;
    const status: Partial<Entity> = isDone
      ? { actionStatus: 'http://schema.org/CompletedActionStatus' }
      : row.endedAt === 0
        ? { actionStatus: 'http://schema.org/ActiveActionStatus' }
        : { actionStatus: 'http://schema.org/FailedActionStatus', error: failed };
    const times = {
      ...(row.startedAt === 0 ? {} : { startTime: isoTime(row.startedAt) }),
      ...(row.endedAt === 0 ? {} : { endTime: isoTime(row.endedAt) }),
    };
    const objects = [...parameters.map(({ value }) => value), ...this.#inputs];
    const results = [...this.#published].flatMap((key) => {
      const [node, name] = splitOutput(key);
      return this.#outputs.get(node)?.[name] === undefined ? [] : [this.#fileOf(node, name)];
    });
    const run = this.#entities.add({
      '@id': `#${row.id}`,
      '@type': 'CreateAction',
      name: `run of ${redact(row.name)}`,
      description: `${graph.size} jobs, ${row.status}`,
      instrument: ref(this.#workflowId),
      ...(objects.length === 0 ? {} : { object: refs(objects) }),
      ...(results.length === 0 ? {} : { result: refs(results) }),
      ...times,
      ...status,
      ...this.#agent(),
    } as Entity);
    this.#actions.unshift(run);
    if (!this.#hasRun()) return;
    const engine = this.#entities.add({
      '@id': '#engine',
      '@type': 'SoftwareApplication',
      name: 'Heddle',
      softwareVersion: engineVersion,
    });
    this.#entities.add({
      '@id': `#${row.id}-engine`,
      '@type': 'OrganizeAction',
      name: `execution of Heddle ${engineVersion}`,
      instrument: ref(engine),
      object: refs(this.#controls),
      result: ref(run),
      ...times,
      ...status,
      ...this.#agent(),
    } as Entity);
  }

  #addParameter(name: string, value: Json): { readonly formal: string; readonly value: string } {
    const property = propertyOf(value, this.#options.redact);
    const formal = `${this.#workflowId}#param-${idPart(name)}`;
    this.#entities.add({ '@id': formal, '@type': 'FormalParameter', additionalType: property.additionalType, name });
    const id = `#value-${idPart(name)}`;
    const realized = { exampleOfWork: ref(formal), name, value: property.value };
    this.#entities.add({ '@id': id, '@type': 'PropertyValue', ...realized });
    return { formal, value: id };
  }

  #addWorkflow(parameters: readonly string[]): void {
    const { graph } = this.#source;
    const { workflow, redact } = this.#options;
    const language = this.#entities.add({
      '@id': `#language-${workflow.language}`,
      '@type': 'ComputerLanguage',
      name: workflow.language === 'JSON' ? 'Heddle graph (JSON)' : workflow.language,
    });
    const order = topologicalOrder(graph);
    for (const [position, index] of order.entries()) {
      this.#entities.add({
        '@id': stepId(index),
        '@type': 'HowToStep',
        name: redact(textAt(graph.names, index)),
        position: String(position),
        workExample: ref(this.#toolId(index)),
      });
    }
    if (workflow.path !== GRAPH_FILE) {
      this.#files.ids.add(GRAPH_FILE);
      const about = { about: ref(this.#workflowId), encodingFormat: 'application/json' };
      this.#entities.add({ '@id': GRAPH_FILE, '@type': 'File', name: 'the graph that was run', ...about });
    }
    // What a workflow has as its parts must have been run. Steps that were not still say which tool they are of.
    const tools = this.#hasRun() ? this.#ranTools : new Set(Array.from(order, (index) => this.#toolId(index)));
    this.#entities.add({
      '@id': this.#workflowId,
      '@type': ['File', 'SoftwareSourceCode', 'ComputationalWorkflow', 'HowTo'],
      name: redact(graph.name),
      ...formatOf(workflow.path),
      programmingLanguage: ref(language),
      hasPart: refs(tools),
      step: refs(Array.from(order, stepId)),
      ...(parameters.length === 0 ? {} : { input: refs(parameters) }),
    });
  }

  #agent(): Partial<Entity> {
    const { agent } = this.#options;
    if (agent === undefined) return {};
    const isAddress = URL.canParse(agent);
    const id = isAddress ? agent : `#agent-${idPart(agent)}`;
    this.#entities.add({ '@id': id, '@type': 'Person', name: agent });
    return { agent: ref(id) };
  }

  crate(): Crate {
    return { context: CONTEXT, entities: this.#all(), files: this.#files.included };
  }

  *#all(): Generator<Entity, void> {
    const { row } = this.#source;
    const { redact, license, now } = this.#options;
    yield* rootEntities({
      name: redact(row.name),
      run: row.id,
      published: isoTime(now),
      license,
      profiles: this.#profiles(),
      mainEntity: this.#workflowId,
      hasPart: [this.#workflowId, ...this.#files.ids],
      mentions: [...this.#actions, ...(this.#hasRun() ? [`#${row.id}-engine`] : [])],
    });
    yield* this.#entities.values();
  }

  /** False of a run whose every result was known: it has no executions to tell of. */
  #hasRun(): boolean {
    return this.#controls.length > 0;
  }

  #profiles(): typeof PROFILES {
    return this.#hasRun() ? PROFILES : PROFILES.filter(([id]) => id !== PROVENANCE);
  }
}

function ranOn(backend: string): Partial<Entity> {
  return { description: `ran on the backend ${backend}` };
}

function stepId(index: number): string {
  return `#step-${index}`;
}

/** ISO 8601 with an offset in figures, which is how the profiles write it and all that some validators know. */
function isoTime(epochMs: number): string {
  return new Date(epochMs).toISOString().replace('Z', '+00:00');
}
