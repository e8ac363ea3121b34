import { dirname } from 'node:path';
import { moduleCode } from '../calls/index.ts';
import { HeddleError, type Json, type RunRow } from '../model/index.ts';

/** What a run was started from, kept with it. */
export interface Origin {
  readonly kind: 'module' | 'wfformat' | 'graph';
  /** Absolute. */
  readonly file: string;
  /** The project's directory, absolute. */
  readonly project: string;
  /** What decides what the workflow's file does, as `moduleCode` has it: hashes by file and package. */
  readonly code?: Readonly<Record<string, string>>;
}

/** Reads what a run was started from; undefined when a program started it. */
export function originOf(row: RunRow): Origin | undefined {
  const settings = JSON.parse(row.settings || '{}') as { readonly origin?: Json };
  const origin = settings.origin as Partial<Origin> | undefined;
  return typeof origin?.file === 'string' && typeof origin.project === 'string' ? (origin as Origin) : undefined;
}

/**
 * Refuses to go on with a run whose workflow was changed since it was started: what is done and what is to come
 * would be of two programs.
 *
 * @throws {HeddleError} CODE_CHANGED, naming the files
 */
export function assertCodeUnchanged(row: RunRow): void {
  const origin = originOf(row);
  if (origin?.code === undefined) return;
  const now = moduleCode(origin.file);
  const names = [...new Set([...Object.keys(origin.code), ...Object.keys(now)])].sort();
  const changes = names.flatMap((name) => describeChange(name, origin.code?.[name], now[name]));
  if (changes.length === 0) return;
  throw new HeddleError('CODE_CHANGED', `the workflow of run '${row.id}' has changed since it was started`, {
    details: { run: row.id, file: origin.file, changes },
    hint: [
      ...changes.slice(0, 20).map((change) => `  ${change}`),
      ...(changes.length > 20 ? [`  and ${changes.length - 20} more`] : []),
      `in ${dirname(origin.file)}; the run's graph stays as it was started`,
      'undo the change, start a new run, or go on with --accept-code',
    ].join('\n'),
  });
}

function describeChange(name: string, before: string | undefined, now: string | undefined): readonly string[] {
  if (before === now) return [];
  if (before === undefined) return [`added    ${name}`];
  return [now === undefined ? `missing  ${name}` : `changed  ${name}`];
}
