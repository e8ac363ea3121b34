import type { Json } from '../../model/index.ts';
import type { Experiment } from '../experiments/index.ts';
import type { Workflow } from '../workflow.ts';

/** Workflows, their parameters and experiments in YAML. What reads them is loaded when one is read: others start without it. */

/** What a document in YAML says. */
export interface YamlWorkflow {
  readonly name: string;
  readonly workflow: Workflow<Readonly<Record<string, Json>>>;
  readonly experiment: Experiment | undefined;
}

export interface YamlOptions {
  /** As errors name it. @default 'workflow.yaml' */
  readonly file?: string;
  /** Where relative paths of modules and of CSV files start. @default the current directory */
  readonly directory?: string;
}

/**
 * Reads a workflow from a YAML file. The modules that it calls are imported.
 *
 * @example
 * const { workflow } = await loadYaml('melt.yaml');
 * const run = await engine.run(workflow.build({ steps: 2000 }));
 *
 * @throws {HeddleError} FILE_NOT_FOUND; INPUT_INVALID, TEMPLATE_INVALID, PARAMETER_INVALID, GRAPH_CYCLE with file, line and column
 */
export async function loadYaml(path: string): Promise<YamlWorkflow> {
  const { readFileOf } = await import('./load.ts');
  return readFileOf(path);
}

/** As `loadYaml`, from text. */
export async function workflowFromYaml(text: string, options: YamlOptions = {}): Promise<YamlWorkflow> {
  const { readWorkflow } = await import('./load.ts');
  return readWorkflow(text, options);
}

/** The JSON Schema of such documents: with it an editor completes and checks them. */
export async function yamlSchema(): Promise<object> {
  const { workflowJsonSchema } = await import('./schema.ts');
  return workflowJsonSchema();
}
