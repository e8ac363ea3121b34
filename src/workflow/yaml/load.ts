import { readFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { HeddleError, type Json } from '../../model/index.ts';
import { workflowWithin } from '../workflow.ts';
import { Builder } from './build.ts';
import { Evaluator, Scope } from './evaluate.ts';
import { readExperiment, REPLICA } from './experiment.ts';
import { ExpressionReader } from './expression.ts';
import { FileInput } from '../data.ts';
import type { YamlOptions, YamlWorkflow } from './index.ts';
import { type NamedParts, resolveNames } from './names.ts';
import { declarationProblems, type Givable, parameterValues, readParameters } from './parameters.ts';
import { YamlSource } from './source.ts';
import { findTargets } from './targets.ts';
import { readTasks } from './task-spec.ts';
import { formProblems, isMembers, type Members } from './validate.ts';

/** Reads a workflow from a file. @throws {HeddleError} FILE_NOT_FOUND, and as `readWorkflow` */
export async function readFileOf(path: string): Promise<YamlWorkflow> {
  const absolute = resolve(path);
  const fromHere = relative(process.cwd(), absolute);
  return readWorkflow(await textOf(path, absolute), {
    file: fromHere.startsWith('..') ? absolute : fromHere,
    directory: dirname(absolute),
  });
}

async function textOf(path: string, absolute: string): Promise<string> {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(absolute));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA')
      throw new HeddleError('INPUT_INVALID', `'${path}' is no text in UTF-8`, { cause, hint: 'save it as UTF-8' });
    throw new HeddleError('FILE_NOT_FOUND', `'${path}' can't be read: ${(cause as Error).message}`, {
      cause,
      hint: `looked for at ${absolute}`,
    });
  }
}

/** Reads a workflow from text: all that can be wrong before the run is told here. */
export async function readWorkflow(
  text: string,
  { file = 'workflow.yaml', directory = '.' }: YamlOptions,
): Promise<YamlWorkflow> {
  const source = YamlSource.parse(text, file);
  const data = source.data();
  const wrong = formProblems(data);
  if (wrong.length > 0) throw source.error(wrong);
  return readDocument(source, data as Members, resolve(directory));
}

async function readDocument(source: YamlSource, data: Members, directory: string): Promise<YamlWorkflow> {
  const declared = new Map(readParameters(data['parameters']));
  const reader = new ExpressionReader();
  const tasks = readTasks(data['tasks'], ['tasks'], reader);
  const result = data['result'] === undefined ? undefined : reader.expression(data['result'], ['result']);
  const { experiment } = data;
  if (isMembers(experiment) && experiment['replicas'] !== undefined && !declared.has(REPLICA.name))
    declared.set(REPLICA.name, REPLICA);
  const parts: NamedParts = { parameters: [...declared.keys()], tasks, result };
  const resolution = resolveNames(parts);
  const problems = [...declarationProblems(declared), ...reader.problems, ...resolution.problems];
  if (problems.length > 0) throw source.error(problems);

  const targets = await findTargets(tasks, { source, directory });
  const givable: Givable = { declared, inputs: resolution.inputs };
  const name = data['name'] as string;
  const evaluator = new Evaluator(source);
  const define = (given: Readonly<Record<string, Json>>): unknown => {
    const values = parameterValues(given, givable);
    refuseUnused(given, { used: resolution.usedParameters, givable });
    const scope = new Scope(
      Array.from(values, ([key, value]) => [key, isFile(givable, key) ? new FileInput(value as string) : value]),
    );
    const builder = new Builder({ source, evaluator, resolution, targets, given });
    const inner = builder.tasks(tasks, scope);
    builder.close();
    return result === undefined ? undefined : source.within(['result'], () => evaluator.value(result, inner));
  };
  const built = workflowWithin(name, define, (make) => {
    try {
      return make();
    } catch (thrown) {
      throw placedAnywhere(thrown, { source, givable });
    }
  });
  const whole = { name, workflow: built };
  if (!isMembers(experiment)) return { ...whole, experiment: undefined };
  return {
    ...whole,
    experiment: await readExperiment(experiment, { source, directory, name, workflow: built, givable }),
  };
}

/** An error of the whole graph stands where the tasks begin, one of a parameter where that is declared. */
function placedAnywhere(
  thrown: unknown,
  { source, givable }: { readonly source: YamlSource; readonly givable: Givable },
): unknown {
  const { parameter } = ((HeddleError.is(thrown) ? thrown.details : undefined) ?? {}) as {
    readonly parameter?: string;
  };
  if (parameter === undefined) return source.placed(['tasks'], thrown);
  // A name that is not declared is the command line's mistake, and has no place here.
  return givable.declared.has(parameter) ? source.placed(['parameters', parameter], thrown) : thrown;
}

function isFile({ declared }: Givable, name: string): boolean {
  return declared.get(name)?.type === 'file';
}

/** A parameter that is given and does nothing was meant to do something. */
function refuseUnused(
  given: Readonly<Record<string, Json>>,
  { used, givable }: { readonly used: ReadonlySet<string>; readonly givable: Givable },
): void {
  for (const name of Object.keys(given)) {
    if (used.has(name) || givable.inputs.has(name) || name === REPLICA.name) continue;
    throw new HeddleError('PARAMETER_INVALID', `parameter '${name}' is not used by the workflow`, {
      details: { parameter: name },
      hint: `refer to it in a task: \${${name}}`,
    });
  }
}
