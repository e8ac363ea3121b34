import { constants } from 'node:os';
import type { Outcome } from '../../model/index.ts';
import type { NativeJob, StatusAnswer, ToolOutput } from '../scheduler/index.ts';

const FIELDS = 'hostname|jobname|jobnumber|taskid|failed|exit_status|ru_wallclock|maxvmem|category|deleted_by';

/**
 * The records of these jobs. `qacct` takes one job at a time and reads its whole file for each, so it is asked once for all
 * of the user's, and what is not wanted is left out where it is.
 *
 * @param ids of jobs and of elements; all elements are told
 */
export function historyText(ids: readonly string[]): string {
  const jobs = [...new Set(ids.map((id) => id.split('.')[0] ?? ''))].filter((id) => /^\d+$/.test(id));
  return `{ qacct -o "$(id -un)" -j; echo "qacct ended $?"; } | awk -v wanted=' ${jobs.join(' ')} ' '
/^=====/ { flush(); next }
/^qacct ended / { flush(); print; next }
$1 == "jobnumber" { isWanted = index(wanted, " " $2 " ") > 0 }
$1 ~ /^(${FIELDS})$/ { block = block $0 "\\n" }
function flush() { if (isWanted) printf "====\\n%s", block; block = ""; isWanted = 0 }
'`;
}

/** Where no job has ended yet there is no file, and so nobody has a record. */
const NOTHING_YET = /no jobs running since startup/;

export function readQacct({ stdout, stderr }: ToolOutput): StatusAnswer {
  const [, ended] = /^qacct ended (\d+)$/m.exec(stdout) ?? [];
  if (ended === undefined || (ended !== '0' && !NOTHING_YET.test(stderr)))
    return { kind: 'unknown', why: stderr.trim() || `qacct ended with ${ended ?? 'nothing'}` };
  const jobs = new Map<string, NativeJob>();
  for (const block of stdout.split(/^====\n/m).slice(1)) {
    const job = readRecord(new Map(block.split('\n').map(splitLine)));
    const before = jobs.get(job.id);
    // One record a run; the last one counts.
    jobs.set(job.id, before === undefined ? job : { ...job, restarts: (before.restarts ?? 0) + 1 });
  }
  return { kind: 'known', jobs: [...jobs.values()], isWhole: true };
}

function splitLine(line: string): readonly [string, string] {
  const [, key = '', value = ''] = /^(\S+)\s+(.*?)\s*$/.exec(line) ?? [];
  return [key, value];
}

type Fields = ReadonlyMap<string, string>;

function readRecord(fields: Fields): NativeJob {
  const get = (name: string): string => fields.get(name) ?? '';
  const task = get('taskid');
  const isElement = /^\d+$/.test(task);
  const [, code = '0', words = ''] = /^(\d+)\s*:?\s*(.*)$/.exec(get('failed')) ?? [];
  const outcome = outcomeOf(Number(code), words, fields);
  return {
    marker: get('jobname'),
    id: isElement ? `${get('jobnumber')}.${task}` : get('jobnumber'),
    element: isElement ? Number(task) : 0,
    state: code === '0' ? 'ended' : `failed ${code}`,
    reason: words,
    // It is in the queue again; where it is not any more it was deleted there.
    standing: 'ended',
    ...(outcome === undefined ? {} : { outcome }),
    host: get('hostname'),
  };
}

/** Codes of `failed` for ends after the work had begun: its own exit, or a signal (of `qdel` as of anybody else). */
const AFTER_BEGIN: ReadonlySet<number> = new Set([0, 12, 13, 14, 15, 100]);
/** Given back to the queue: by exit 99, `qmod -r`, a node that was silent for too long; moved by a checkpoint. */
const GIVEN_BACK: ReadonlySet<number> = new Set([24, 25]);
/** Not begun, and held in an error state: its output or directory can't be had, its shell is not there, it said 100. */
const IN_ERROR: ReadonlySet<number> = new Set([26, 27, 28, 29, 30]);
const LIMIT = 37;

/** How it ended by its record; undefined where it ended well, which only its own record can prove. */
function outcomeOf(failed: number, words: string, fields: Fields): Outcome | undefined {
  const deletedBy = fields.get('deleted_by') ?? 'NONE';
  if (deletedBy !== 'NONE' && deletedBy !== '') return { kind: 'cancelled', by: 'user' };
  if (failed === LIMIT) return limitOf(fields);
  if (GIVEN_BACK.has(failed)) return { kind: 'preempted', why: `Grid Engine: ${words}` };
  if (IN_ERROR.has(failed)) {
    const error = { name: 'Error', message: `Grid Engine: ${words}`, code: 'BACKEND_UNAVAILABLE' };
    return { kind: 'error', error };
  }
  if (!AFTER_BEGIN.has(failed)) return { kind: 'lost', why: `Grid Engine: ${words} (failed ${failed})` };
  // "137 (Killed)"
  return exitOutcome(Number.parseInt(fields.get('exit_status') ?? '0', 10));
}

/** Above 128 a shell tells of a signal. */
const SIGNALLED = 128;

function exitOutcome(code: number): Outcome | undefined {
  if (code === 0) return undefined;
  const signal = Object.entries(constants.signals).find(([, number]) => number === code - SIGNALLED)?.[0];
  return signal === undefined ? { kind: 'exit', code } : { kind: 'signal', signal };
}

/** One code for time, processor time and address space: which, the figures say. */
function limitOf(fields: Fields): Outcome {
  const limit = /\bh_vmem=([\d.]+\w?)/.exec(fields.get('category') ?? '')?.[1];
  const used = fields.get('maxvmem') ?? '';
  const time = /\bh_rt=(\d+)/.exec(fields.get('category') ?? '')?.[1];
  const ran = Number.parseFloat(fields.get('ru_wallclock') ?? '');
  const isTime = time !== undefined && ran >= Number(time);
  if (!isTime && limit !== undefined && sizeOf(used) >= sizeOf(limit))
    return { kind: 'memory', note: `h_vmem: ${used} of ${limit}` };
  return { kind: 'timeout', timeout: 'run' };
}

const UNITS: Readonly<Record<string, number>> = { K: 1024, M: 1024 ** 2, G: 1024 ** 3, k: 1000, m: 1e6, g: 1e9 };

function sizeOf(text: string): number {
  const [, number = '0', unit = ''] = /^([\d.]+)([KMGkmg]?)/.exec(text) ?? [];
  return Number(number) * (UNITS[unit] ?? 1);
}
