import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative } from 'node:path';
import { type Graph, HeddleError, type Json, nearestName, textAt } from '../model/index.ts';

/** Missing files that are named in one message. */
const NAMED = 5;
const MARK = '"$file"';

/**
 * Refuses a graph whose tasks take files of the user's that are not there, before anything starts. A file that a task of it
 * publishes need not be there yet.
 *
 * @throws {HeddleError} FILE_NOT_FOUND naming the files, who takes them, and the nearest name there is
 */
export function refuseMissingFiles(graph: Graph, project: string): void {
  const { payloads, names, size } = graph;
  const bytes = Buffer.from(payloads.bytes.buffer, payloads.bytes.byteOffset, payloads.bytes.byteLength);
  // Most graphs name none.
  if (!bytes.includes(MARK)) return;
  const takers = new Map<string, string>();
  const published: Published = { paths: new Set(), isAny: false };
  for (let node = 0; node < size; node += 1) {
    const text = textAt(payloads, node);
    if (!text.includes(MARK) && !text.includes('"publish"')) continue;
    const found: string[] = [];
    walk(JSON.parse(text) as Json, found, published);
    for (const path of found) if (!takers.has(path)) takers.set(path, textAt(names, node));
  }
  const results = join(project, 'results');
  const missing = [...takers].filter(([path]) => {
    const at = isAbsolute(path) ? path : join(project, path);
    if (existsSync(at)) return false;
    const inResults = relative(results, at);
    return inResults.startsWith('..') || !(published.isAny || published.paths.has(inResults));
  });
  if (missing.length > 0) throw missingFiles(missing, project);
}

interface Published {
  /** Relative to the results. */
  readonly paths: Set<string>;
  /** Some are known only when their tasks start. */
  isAny: boolean;
}

function walk(data: Json, found: string[], published: Published): void {
  if (typeof data !== 'object' || data === null) return;
  if (Array.isArray(data)) {
    for (const element of data as readonly Json[]) walk(element, found, published);
    return;
  }
  const members = data as { readonly [key: string]: Json };
  const { $file: file, publish } = members;
  if (typeof file === 'string' && Object.keys(members).length === 1) found.push(file);
  if (typeof publish === 'string') published.paths.add(publish);
  else if (publish !== undefined && 'path' in members) published.isAny = true;
  for (const member of Object.values(members)) walk(member, found, published);
}

function missingFiles(missing: readonly (readonly [path: string, taker: string])[], project: string): HeddleError {
  const [first] = missing as [readonly [string, string]];
  const lines = missing.slice(0, NAMED).map(([path, taker]) => `'${path}' (for '${taker}')`);
  const more = missing.length > NAMED ? `, and ${missing.length - NAMED} more` : '';
  const near = nearTo(first[0], project);
  return new HeddleError('FILE_NOT_FOUND', `there is no file ${lines.join(', ')}${more}`, {
    hint:
      near === undefined
        ? `paths start at ${project}; what a task of the workflow makes is taken as its output, or published`
        : `did you mean '${near}'?`,
    details: { missing: missing.map(([path]) => path) },
  });
}

function nearTo(path: string, project: string): string | undefined {
  const folder = dirname(isAbsolute(path) ? path : join(project, path));
  if (!existsSync(folder)) return undefined;
  const near = nearestName(basename(path), readdirSync(folder));
  return near === undefined ? undefined : join(dirname(path), near);
}
