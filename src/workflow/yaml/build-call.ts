import { encodeArguments } from '../../calls/index.ts';
import {
  type CallPayload,
  type Definition,
  definitionOf,
  type DefinitionOptions,
  type Json,
  type Ref,
  type Secret,
  secret,
} from '../../model/index.ts';
import { refOf } from '../data.ts';
import { callHandle } from '../handle.ts';
import { currentRecorder, type NodeRecord, valueEdges } from '../recorder.ts';
import type { Target } from './targets.ts';

export interface NewCall {
  readonly target: Target;
  readonly args: readonly unknown[];
  readonly policies: DefinitionOptions;
}

/** Policies as the document gives them; variables are text, or secrets by reference. */
export function policiesOf(given: Json): DefinitionOptions {
  const { environment, ...policies } = given as { readonly environment?: Readonly<Record<string, Json>> };
  if (environment === undefined) return policies as DefinitionOptions;
  const variables = Object.entries(environment).map(([name, value]) => [name, variableOf(value)] as const);
  return { ...(policies as DefinitionOptions), environment: Object.fromEntries(variables) };
}

function variableOf(value: Json): string | Secret {
  if (typeof value === 'string') return value;
  const { secret: from } = (value ?? {}) as { readonly secret?: Readonly<Record<string, string>> };
  if (from === undefined) return JSON.stringify(value);
  const { env, file, command = '' } = from;
  if (env !== undefined) return secret.env(env);
  return file === undefined ? secret.command(command) : secret.file(file);
}

/** Records a call as a call of a task in TypeScript does; a task that is defined there is called itself. */
export function recordCall(key: string, { target, args, policies }: NewCall): unknown {
  const recorder = currentRecorder(key);
  if (target.kind === 'definition') {
    const first = recorder.size;
    const value = target.make(...args);
    for (const record of recorder.since(first))
      if (record.definition.kind !== 'control') record.definition = overridden(record.definition, policies);
    return value;
  }
  const { reference } = target;
  const name = reference.kind === 'module' && reference.task === true ? reference.name : key;
  const uses = new Set<NodeRecord>();
  const encoded = encodeArguments(args, (value) => refOf(value, { recorder, uses }) as Ref | undefined);
  const payload: CallPayload = { call: reference, args: encoded };
  const record = recorder.record({
    definition: definitionOf(name, 'call', policies),
    payload: JSON.stringify(payload),
    edges: valueEdges(name, uses),
    expectedMs: 0,
    published: [],
  });
  return callHandle(record, (own, backend, overrides) => {
    own.definition = definitionOf(name, 'call', { ...policies, ...overrides, backend });
  });
}

/** Which field of a definition a policy decides. */
const FIELDS: Readonly<Record<keyof DefinitionOptions, keyof Definition>> = {
  resources: 'resources',
  retry: 'retry',
  timeout: 'timeouts',
  grace: 'graceMs',
  priority: 'priority',
  backend: 'backend',
  condition: 'condition',
  environment: 'environment',
  cache: 'cache',
  container: 'container',
  scheduling: 'scheduling',
};

function overridden(definition: Definition, policies: DefinitionOptions): Definition {
  const given = Object.keys(policies) as (keyof DefinitionOptions)[];
  if (given.length === 0) return definition;
  const own = definitionOf(definition.name, definition.kind, policies);
  return { ...definition, ...Object.fromEntries(given.map((field) => [FIELDS[field], own[FIELDS[field]]])) };
}
