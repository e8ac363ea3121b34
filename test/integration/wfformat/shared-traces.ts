import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const project = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');

/** The folder of recorded workflows: `HEDDLE_SHARED`, or `shared` beside the project. */
export const tracesFolder: string = join(
  process.env['HEDDLE_SHARED'] ?? join(project, '../shared'),
  'data/wfinstances',
);

/** Why tests over recorded workflows can't run; undefined when they can. With `CI` set, that is an error. */
export function whyNoTraces(): string | undefined {
  if (existsSync(tracesFolder)) return undefined;
  const why = `no recorded workflows at ${tracesFolder}: set HEDDLE_SHARED`;
  if (process.env['CI'] !== undefined) throw new Error(why);
  return why;
}

/** Paths of all traces, relative to their folder. */
export function allTraces(): readonly string[] {
  if (whyNoTraces() !== undefined) return [];
  return readdirSync(tracesFolder, { recursive: true })
    .map(String)
    .filter((path) => path.endsWith('.json') && !path.endsWith('wfformat-schema.json'))
    .sort();
}
