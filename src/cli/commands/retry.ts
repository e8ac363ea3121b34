import type { RetryChanges } from '../../engine/index.ts';
import { connectControl } from '../../jobs/index.ts';
import { HeddleError, isFinal, parseBytes, parseDuration, type ResourceRequest } from '../../model/index.ts';
import { assertCodeUnchanged } from '../code-origin.ts';
import { findRun, openForReading, splitTarget, storeDirectory, storeFlag } from '../find-run.ts';
import { stayWith } from '../foreground.ts';
import type { Context } from '../main.ts';
import { splitPair } from '../flags.ts';
import { graphsFor, openFor } from './resume.ts';

/** Runs the failed and cancelled jobs of a finished run again, in the same run. */
export async function retry(
  context: Context,
  [target = '']: readonly string[],
  flags: Readonly<Record<string, unknown>>,
): Promise<number> {
  const changes = parseChanges((flags['set'] ?? []) as readonly string[]);
  const found = await (async () => {
    await using store = await openForReading(context);
    return await findRun(store, splitTarget(target).run);
  })();
  if (found.owner !== undefined) {
    await using control = await connectControl(found.owner.socket, found.row.id, found.owner);
    await control.retry(changes);
    if (context.json) await context.output.json({ run: found.row.id, ok: true });
    else context.output.say(`${found.row.id} tries again, in process ${found.owner.pid} on ${found.owner.host}`);
    return 0;
  }
  if (!isFinal(found.row.status)) {
    throw new HeddleError('STATE_CONFLICT', `run '${found.row.id}' is not finished`, {
      hint: `'heddle resume ${found.row.id}${storeFlag(context)}' continues it; retry is for runs that have ended`,
    });
  }
  if (found.row.status === 'done') {
    throw new HeddleError('STATE_CONFLICT', `run '${found.row.id}' is done: there is nothing to retry`, {
      hint: 'start a new one with heddle run',
    });
  }
  if (flags['acceptCode'] !== true) assertCodeUnchanged(found.row, storeDirectory(context));
  await using engine = await openFor(context, found.row, flags);
  const handle = await engine.retry(found.row.id, changes);
  return await stayWith({ context, engine, handle, graphs: await graphsFor(engine, handle) });
}

/** Reads `--set memory=16GiB`. @throws {HeddleError} PARAMETER_INVALID, INPUT_INVALID */
export function parseChanges(pairs: readonly string[]): RetryChanges {
  const resources: { -readonly [Key in keyof ResourceRequest]?: ResourceRequest[Key] } = {};
  for (const pair of pairs) {
    const [key, value] = splitPair(pair, '--set');
    if (key === 'memory') resources.memoryBytes = parseBytes(value, '--set memory');
    else if (key === 'disk') resources.diskBytes = parseBytes(value, '--set disk');
    else if (key === 'time') resources.timeMs = parseDuration(value, '--set time');
    else if (key === 'cpus') resources.cpus = positive(value, '--set cpus');
    else if (key === 'gpus') resources.gpus = positive(value, '--set gpus');
    else {
      throw new HeddleError('PARAMETER_INVALID', `'--set ${key}' is nothing a retry can change`, {
        hint: 'it can change cpus, memory, disk, gpus and time',
      });
    }
  }
  return pairs.length === 0 ? {} : { resources };
}

function positive(text: string, field: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value >= 0) return value;
  throw new HeddleError('INPUT_INVALID', `${field}: can't read '${text}'`, { hint: 'write a number' });
}
