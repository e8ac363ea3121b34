import { existsSync, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { clean, connectControl, DEFAULT_RULES, inspectTarget, openStoreForReading } from '../../jobs/index.ts';
import { asError, isFinal, type RunRow, type Store } from '../../model/index.ts';
import { readCapacity, systemClock } from '../../process/index.ts';
import { SqliteStore } from '../../store/index.ts';
import { storeDirectory, storeFlag } from '../find-run.ts';
import type { Context } from '../main.ts';
import { memoryFinding } from '../memory-finding.ts';
import { printable } from '../output.ts';
import { readTargets } from '../targets.ts';
import { formatBytes } from '../units.ts';

/** With less room than this a store soon stands still. */
const LITTLE_ROOM_BYTES = 512 * 1024 * 1024;

const WIDTH = 8;

/** One thing looked at. */
interface Finding {
  readonly what: string;
  readonly state: 'well' | 'note' | 'wrong';
  readonly text: string;
}

/** Says whether everything is well here. Exit code 4 when something is wrong. */
export async function doctor(
  context: Context,
  names: readonly string[],
  flags: { readonly install?: boolean },
): Promise<number> {
  const findings: Finding[] = [nodeFinding(), machineFinding(), memoryFinding()];
  const directory = storeDirectory(context);
  if (existsSync(directory)) findings.push(...(await storeFindings(context, directory)));
  else findings.push({ what: 'store', state: 'note', text: `there is none at ${directory} yet` });
  findings.push(...(await targetFindings(context, { names, install: flags.install === true })));
  const wrong = findings.filter((finding) => finding.state === 'wrong').length;
  if (context.json) await context.output.json({ well: wrong === 0, findings });
  else await context.output.data(findings.map((finding) => line(finding, context)).join('\n'));
  return wrong === 0 ? 0 : 4;
}

function line({ what, state, text }: Finding, { output }: Context): string {
  const mark = { well: output.dataStyle('green', 'well '), note: 'note ', wrong: output.dataStyle('red', 'wrong') }[
    state
  ];
  return `${mark}  ${what.padEnd(WIDTH)}  ${printable(text)}`;
}

/** Targets of the configuration, each connected to: those that are named, else all. */
async function targetFindings(
  context: Context,
  { names, install }: { readonly names: readonly string[]; readonly install: boolean },
): Promise<readonly Finding[]> {
  const targets = await readTargets(context, process.cwd());
  const all = targets.settings();
  for (const name of names) if (!all.some((each) => each.name === name)) targets.unknown(name);
  const chosen = names.length === 0 ? all : all.filter(({ name }) => names.includes(name));
  const found = await Promise.all(chosen.map((settings) => inspectTarget(settings, { clock: systemClock, install })));
  return found.flatMap((each, i) =>
    each.map(({ what, state, text }) => ({ what: chosen[i]?.name ?? '', state, text: `${what}: ${text}` })),
  );
}

function nodeFinding(): Finding {
  return { what: 'node', state: 'well', text: `${process.version} at ${process.execPath}` };
}

function machineFinding(): Finding {
  const capacity = readCapacity();
  const cores = cpus().length;
  const limit = capacity.cpus < cores ? ` of ${cores}: affinity, a cgroup's quota or Slurm leaves no more` : '';
  const gpus = capacity.gpus === undefined ? '' : `, gpus ${capacity.gpus.join(', ')}`;
  return {
    what: 'machine',
    state: 'well',
    text: `${capacity.cpus} attempts at a time, one a cpu${limit}; ${formatBytes(capacity.memoryBytes)} memory${gpus}`,
  };
}

async function storeFindings(context: Context, directory: string): Promise<readonly Finding[]> {
  const findings: Finding[] = [await roomFinding(directory)];
  try {
    await using store = await openStoreForReading(directory);
    findings.push(integrityFinding(store, directory));
    findings.push(await sizeFinding(store, directory));
    const rows = await store.runs({ statuses: ['created', 'pending', 'running'] });
    for (const row of rows) findings.push(await runFinding(store, row, context));
  } catch (error) {
    findings.push({ what: 'store', state: 'wrong', text: `${directory} can't be opened: ${asError(error).message}` });
  }
  return findings;
}

/** Only a database that others may open is read beside its owner. */
function integrityFinding(store: Store, directory: string): Finding {
  if (!(store instanceof SqliteStore) || store.isExclusive) {
    return { what: 'store', state: 'well', text: `${directory}, one process at a time` };
  }
  const complaint = integrityComplaint(directory);
  if (complaint === undefined) return { what: 'store', state: 'well', text: `${directory}, shared` };
  return { what: 'store', state: 'wrong', text: `${directory} is damaged: ${complaint}` };
}

/** What SQLite finds wrong with the database; undefined when nothing. It only reads. */
function integrityComplaint(directory: string): string | undefined {
  const db = new DatabaseSync(join(directory, 'store.db'), { readOnly: true });
  try {
    const row = db.prepare('PRAGMA quick_check(1)').get();
    const word = String(row?.['quick_check']);
    return word === 'ok' ? undefined : word;
  } finally {
    db.close();
  }
}

/** How much the store takes, and what would go by the rules that hold where nothing is said. */
async function sizeFinding(store: Store, directory: string): Promise<Finding> {
  const database = ['store.db', 'store.db-wal'].map((name) =>
    statSync(join(directory, name), { throwIfNoEntry: false }),
  );
  const bytes = database.reduce((sum, found) => sum + (found?.size ?? 0), 0);
  const options = { ...DEFAULT_RULES, what: 'logs', dry: true, now: systemClock.now().wall } as const;
  const { cleaned, bytes: old } = await clean(store, directory, options);
  const text = `database ${formatBytes(bytes)}; ${formatBytes(old)} of old logs in ${cleaned.length} runs (heddle clean --logs)`;
  return { what: 'size', state: 'well', text };
}

async function roomFinding(directory: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(directory);
  const free = bavail * bsize;
  return {
    what: 'disk',
    state: free < LITTLE_ROOM_BYTES ? 'wrong' : 'well',
    text: `${formatBytes(free)} free at ${directory}`,
  };
}

/** Every job that isn't final must have an attempt, a dated wake-up or something it waits for. */
async function runFinding(store: Store, row: RunRow, context: Context): Promise<Finding> {
  const what = 'run';
  const owner = await store.ownerOf(row.id);
  if (owner?.alive !== true) {
    const left = isFinal(row.status) ? '' : `: heddle resume ${row.id}${storeFlag(context)} continues it`;
    return { what, state: 'note', text: `${row.id} is run by nobody${left}` };
  }
  const process = `process ${owner.pid} on ${owner.host}`;
  try {
    await using control = await connectControl(owner.socket, row.id, owner);
    const stuck = await control.stuck();
    if (stuck.length === 0) return { what, state: 'well', text: `${row.id} is run by ${process}` };
    return {
      what,
      state: 'wrong',
      text: `${row.id}, ${process}: nothing will ever wake ${stuck.slice(0, 5).join(', ')} (${stuck.length} jobs)`,
    };
  } catch (error) {
    const mend = owner.remedy === undefined ? '' : `; ${owner.remedy}`;
    const text = `${row.id}: ${process} lives and does not answer: ${asError(error).message}${mend}`;
    return { what, state: 'wrong', text };
  }
}
