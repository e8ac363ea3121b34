import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Outcome } from '../../../src/model/index.ts';

/**
 * What runs in an attempt's directory on the other side: takes `claim`, looks for `fenced`, runs `command.sh`, and
 * publishes `exit.json` whole or not at all. Arguments: directory, attempt, fence.
 */
export const WRAPPER = `#!/bin/sh
cd "$1" || exit 120
[ ! -e fenced ] || exit 121
(set -C; printf '%s %s\\n' "$$" "$(hostname)" > claim) 2>/dev/null || exit 122
[ ! -e fenced ] || exit 121
now() { date +%s%3N; }
started=$(now)
printf '{"attempt":"%s","fence":%s,"started":%s,"pid":%s,"host":"%s"}\\n' "$2" "$3" "$started" "$$" "$(hostname)" > started.part
mv started.part started.json
HEDDLE_ATTEMPT=$2 sh command.sh </dev/null >stdout 2>stderr &
child=$!
trap 'kill -TERM "$child" 2>/dev/null' TERM INT
wait "$child"; code=$?
# A trapped signal ends the first wait early.
while kill -0 "$child" 2>/dev/null; do wait "$child"; code=$?; done
[ ! -e fenced ] || exit 121
printf '{"attempt":"%s","fence":%s,"code":%s,"started":%s,"ended":%s,"pid":%s,"host":"%s"}\\n' \\
  "$2" "$3" "$code" "$started" "$(now)" "$child" "$(hostname)" > exit.part
mv exit.part exit.json
exit "$code"
`;

/** The end of an attempt as its wrapper recorded it. */
export interface ExitRecord {
  readonly attempt: string;
  readonly fence: number;
  readonly code: number;
  readonly started: number;
  readonly ended: number;
}

/** Makes an attempt's directory, ready to be run by the wrapper. */
export async function prepare(directory: string, text: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'command.sh'), `${text}\n`);
}

/** The exit record, once it is there. */
export async function readExit(directory: string): Promise<ExitRecord | undefined> {
  try {
    return JSON.parse(await readFile(join(directory, 'exit.json'), 'utf8')) as ExitRecord;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The end as an outcome. */
export function outcomeOf(record: ExitRecord): Outcome {
  return record.code === 0 ? { kind: 'ok' } : { kind: 'exit', code: record.code };
}

/**
 * Takes `claim` in the wrapper's stead, so that whatever arrives later starts nothing there. False: the wrapper was
 * first, and something has started.
 */
export async function takeClaim(directory: string): Promise<boolean> {
  await mkdir(directory, { recursive: true });
  try {
    await writeFile(join(directory, 'claim'), 'the engine\n', { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** From now on nothing that ran in this directory is published. */
export async function fence(directory: string): Promise<void> {
  await writeFile(join(directory, 'fenced'), '');
}
