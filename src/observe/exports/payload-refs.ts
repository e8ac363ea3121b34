import type { CommandOutput, CommandValue, Json, Value } from '../../model/index.ts';

/** What a payload refers to. */
export interface PayloadRefs {
  /** Another node's value: its index in the run, and the output meant where one is. */
  readonly nodes: readonly (readonly [node: number, output: string | undefined])[];
  /** Paths of the user's files. */
  readonly files: readonly string[];
}

/** Finds every `$ref` and `$file` in the JSON of a payload or of a result. */
export function refsIn(json: string | undefined): PayloadRefs {
  const nodes: (readonly [number, string | undefined])[] = [];
  const files: string[] = [];
  const walk = (value: Json): void => {
    if (typeof value !== 'object' || value === null) return;
    if (Array.isArray(value)) {
      for (const element of value as readonly Json[]) walk(element);
      return;
    }
    for (const [key, member] of Object.entries(value as Readonly<Record<string, Json>>)) {
      if (key === '$ref' && Array.isArray(member)) {
        const [node, output] = member as readonly Json[];
        if (typeof node === 'number') nodes.push([node, typeof output === 'string' ? output : undefined]);
      } else if (key === '$file' && typeof member === 'string') files.push(member);
      else walk(member);
    }
  };
  if (json !== undefined && json !== '') walk(JSON.parse(json) as Json);
  return { nodes, files };
}

/** The declared outputs a command left, by name; none where the value is something else. */
export function outputsOf(value: Value | undefined): Readonly<Record<string, CommandOutput>> {
  if (value?.codec !== 'json') return {};
  const decoded = JSON.parse(value.json) as Partial<CommandValue> | null;
  if (typeof decoded !== 'object' || decoded === null || typeof decoded.outputs !== 'object') return {};
  return Object.fromEntries(
    Object.entries(decoded.outputs).filter(([, output]) => typeof output?.file?.sha256 === 'string'),
  );
}
