import { quoteWord } from '../../model/index.ts';
import type { NativeJob, StatusAnswer, ToolOutput } from '../scheduler/index.ts';
import { standingOf } from './job-states.ts';
import { type JobAttributes, readQstatJson } from './qstat-json.ts';

/** How the status text ends when it could not even ask which jobs there are. */
const NOT_ASKED = 75;

const ASK = 'xargs qstat -x -t -f -F json';

/**
 * All jobs of the user that are not over, with their elements. `qstat -u` prints no JSON, and without a user and with `-x` it
 * prints the whole history of everybody: so `qselect` says whose, and `-x` is for who ends in between. Its ids go first, by
 * which a look that was not whole is known.
 */
export const STATUS_TEXT: string = `ids=$(qselect -u "$(id -un)") || exit ${NOT_ASKED}
[ -n "$ids" ] || exit 0
printf '%s\\n' "$ids" | sed 's/^/asked /'
printf '%s\\n' "$ids" | ${ASK}
`;

/** The records of jobs that are over, where the server keeps them. */
export function historyText(ids: readonly string[]): string {
  const words = ids.map(quoteWord).join(' ');
  return `printf 'asked %s\\n' ${words}\nprintf '%s\\n' ${words} | ${ASK}\n`;
}

const ASKED = /^asked (\S+)$/gm;
/** The server knows nothing of it, or says only with `-x` what it knows. */
const UNKNOWN_ID = /Unknown Job Id:? (\S+)/gi;

export function readQstat({ code, stdout, stderr }: ToolOutput): StatusAnswer {
  const why = stderr.trim() || `qstat ended with ${code}`;
  if (code === NOT_ASKED) return { kind: 'unknown', why };
  const asked = [...stdout.matchAll(ASKED)].map(([, id = '']) => id);
  const attributes = readQstatJson(stdout.replace(ASKED, ''));
  if (attributes === undefined) return { kind: 'unknown', why: stderr.trim() || 'qstat said nothing that can be read' };
  const unknown = new Set([...stderr.matchAll(UNKNOWN_ID)].map(([, id = '']) => id));
  const isAnswered = (id: string): boolean => attributes.has(id) || unknown.has(id);
  if (code !== 0 && attributes.size === 0 && !asked.every((id) => unknown.has(id))) return { kind: 'unknown', why };
  return { kind: 'known', jobs: jobsOf(attributes), isWhole: asked.every(isAnswered) };
}

function jobsOf(all: ReadonlyMap<string, JobAttributes>): readonly NativeJob[] {
  const jobs = new Map<string, NativeJob>();
  for (const [id, attributes] of all) {
    const [, number = '', index, server = ''] = /^(\d+)(?:\[(\d*)\])?(.*)$/.exec(id) ?? [];
    if (index !== '') {
      jobs.set(id, jobOf(id, index === undefined ? 0 : Number(index), attributes));
      continue;
    }
    // An array: whoever of it has not begun need not be listed alone.
    for (const element of indicesOf(attributes.array_indices_remaining ?? '')) {
      const own = `${number}[${element}]${server}`;
      if (!all.has(own)) jobs.set(own, jobOf(own, element, { ...attributes, ...waiting(attributes) }));
    }
  }
  return [...jobs.values()];
}

/** An array that has begun says so of itself, not of those of it that wait. */
function waiting({ job_state: state = '' }: JobAttributes): JobAttributes {
  return state === 'B' ? { job_state: 'Q' } : {};
}

function jobOf(id: string, element: number, attributes: JobAttributes): NativeJob {
  const { job_state: state = '', comment = '', run_count: runs = '0', exec_host: hosts = '' } = attributes;
  const restarts = Number(runs) - 1;
  // `node1/0*4+node2/0*4`
  const [host = ''] = hosts.split('/');
  return {
    marker: attributes.Job_Name ?? '',
    id,
    element,
    state,
    reason: comment,
    ...standingOf(attributes),
    ...(restarts > 0 ? { restarts } : {}),
    ...(host === '' ? {} : { host }),
  };
}

/** The numbers of `0-4:2,7`; of `-` none. */
function indicesOf(text: string): readonly number[] {
  const indices: number[] = [];
  for (const part of text.split(',')) {
    const [, first = '', last = first, step = '1'] = /^(\d+)(?:-(\d+))?(?::(\d+))?$/.exec(part.trim()) ?? [];
    if (first === '') continue;
    for (let index = Number(first); index <= Number(last); index += Number(step)) indices.push(index);
  }
  return indices;
}
